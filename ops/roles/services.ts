import type { Actors } from '../../actors/client/ask.ts';
import { createAccess } from '../../services/access/access.ts';
import { readPolicy } from '../../services/access/policy.ts';
import { createAuditService } from '../../services/audit/audit.service.ts';
import { createChatsService } from '../../services/chats/chats.service.ts';
import { createKeysService } from '../../services/keys/keys.service.ts';
import { eraseKeys } from '../../services/keys/keys.store.ts';
import { eraseFiles } from '../../services/media/files.ts';
import { createImages } from '../../services/media/images.ts';
import { mediaJobs } from '../../services/media/jobs.ts';
import { createMediaService } from '../../services/media/media.service.ts';
import { createAdminService } from '../../services/users/admin.service.ts';
import { repeatNotes } from '../../services/users/after-a-loss.ts';
import { cleanCodes, codeMailHandler } from '../../services/users/code-mail.ts';
import { createCodes } from '../../services/users/codes.ts';
import { grantFirstAdmin } from '../../services/users/first-admin.ts';
import { createGoogle } from '../../services/users/google-client.ts';
import { createPasswords, type Passwords } from '../../services/users/passwords.ts';
import { createRefreshTokens } from '../../services/users/refresh-tokens.ts';
import { createUsersService } from '../../services/users/users.service.ts';
import { createViews } from '../../services/users/views.ts';
import { codeRatesOf } from '../config/rates.ts';
import type { Secrets } from '../config/secrets.ts';
import type { Objects } from '../objects/objects.ts';
import type { AccessTokens } from '../security/access-tokens.ts';
import { createMediaUrls } from '../security/media-urls.ts';
import { sampleQueue } from '../telemetry/queues.ts';
import type { Jobs } from './jobs.ts';
import type { Links } from './links.ts';
import { openMailer } from './mail.ts';
import type { Process } from './process.ts';
import type { Storage } from './storage.ts';

export interface ServicesParts {
  storage: Storage;
  secrets: Secrets;
  links: Links;
  actors: Actors;
  tokens: AccessTokens;
  objects: Objects;
}

/** Every service, given to the broker; gives what they do outside of requests. */
export async function createServices(process: Process, parts: ServicesParts): Promise<Jobs> {
  const { secrets, tokens, actors, objects } = parts;
  const { broker, bus, call, ephemeral, redis } = parts.links;
  const { db } = parts.storage;
  const { life, clock, config, logger } = process;
  const { adminEmail } = config;
  const urls = createMediaUrls(secrets.tokenKey, clock);
  const passwords = await startPasswords(process);
  const refreshTokens = createRefreshTokens(secrets.refreshSecret);
  const access = createAccess({ db, clock, policy: await readPolicy() });
  // Shared with other processes it would hold mail addresses, and cost as much as the row.
  const profiles = redis === undefined ? { profiles: ephemeral } : {};
  const codes = createCodes({
    db,
    clock,
    secret: secrets.refreshSecret,
    rates: codeRatesOf(config),
  });
  const mailer = await openMailer(process);
  broker.createService(
    createUsersService({
      db,
      call,
      views: createViews(urls),
      bus,
      actors,
      ephemeral,
      ...profiles,
      clock,
      tokens,
      refreshTokens,
      passwords,
      loginLifeMs: config.loginLife * dayMs,
      erasers: [eraseKeys, eraseFiles],
      codes,
      ...(adminEmail !== undefined && { adminEmail }),
      google: openGoogle(config),
    }),
  );
  if (adminEmail !== undefined) await db.transaction((tx) => grantFirstAdmin(tx, adminEmail, clock.now()));
  broker.createService(createAdminService({ db, bus, ...profiles, clock, access }));
  broker.createService(createAuditService({ db, access }));
  if (bus.lossy)
    await life.part(
      'notes again',
      () => repeatNotes({ bus, db, clock, logger }),
      (end) => end(),
    );
  broker.createService(createChatsService({ db, actors, call }));
  broker.createService(createKeysService({ db, clock }));
  const images = createImages({ maxPixels: config.mediaPixels });
  const media = { db, objects, urls, images, call, clock, quota: config.mediaQuota };
  broker.createService(createMediaService(media));
  const { handlers, timetable } = mediaJobs(media);
  return {
    handlers: [codeMailHandler({ db, clock, codes, mailer }), ...handlers],
    timetable: [cleanCodes({ db, clock }), ...timetable],
  };
}

const dayMs = 24 * 60 * 60_000;
function openGoogle({
  googleClientId,
  googleClientSecret,
  googleIssuer,
  publicUrl,
  returnTo,
}: Process['config']) {
  // The settings come together or not at all.
  if (googleClientId === undefined || googleClientSecret === undefined || publicUrl === undefined)
    return undefined;
  const client = createGoogle({
    clientId: googleClientId,
    clientSecret: googleClientSecret,
    issuer: googleIssuer,
    publicUrl,
  });
  return { client, returnTo };
}

async function startPasswords({ life, config, metrics }: Process): Promise<Passwords> {
  const passwords = await life.part(
    'passwords',
    () =>
      createPasswords({
        cost: config.bcryptCost,
        threads: config.bcryptThreads,
        queue: config.bcryptQueue,
        patienceMs: config.callTimeout,
        onHash: (seconds) => metrics.bcryptSeconds.observe(seconds),
        onRefusal: () => metrics.bcryptRefused.inc(),
      }),
    (pool) => pool.close(),
  );
  const limit = config.bcryptThreads * (config.bcryptQueue + 1);
  metrics.sample(() => sampleQueue(metrics, 'bcrypt', passwords.pending(), limit));
  return passwords;
}
