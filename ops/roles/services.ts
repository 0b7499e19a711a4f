import type { Actors } from '../../actors/client/ask.ts';
import { createChatsService } from '../../services/chats/chats.service.ts';
import { createKeysService } from '../../services/keys/keys.service.ts';
import { cleanCodes, codeMailHandler } from '../../services/users/code-mail.ts';
import { createCodes } from '../../services/users/codes.ts';
import { createGoogle } from '../../services/users/google-client.ts';
import { revokedSince } from '../../services/users/logins.store.ts';
import { createPasswords, type Passwords } from '../../services/users/passwords.ts';
import { createRefreshTokens } from '../../services/users/refresh-tokens.ts';
import { createUsersService } from '../../services/users/users.service.ts';
import type { Bus } from '../bus/bus.ts';
import { codeRatesOf } from '../config/rates.ts';
import type { Secrets } from '../config/secrets.ts';
import type { Database } from '../connections/postgres.ts';
import { sleep } from '../process/clock.ts';
import { type AccessTokens, tokenGoodMs } from '../security/access-tokens.ts';
import { publishRevoked } from '../security/revoked-logins.ts';
import { sampleQueue } from '../telemetry/actors.ts';
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
}

/** Every service, given to the broker; gives what they do outside of requests. */
export async function createServices(process: Process, parts: ServicesParts): Promise<Jobs> {
  const { secrets, tokens, actors } = parts;
  const { broker, bus, call, ephemeral, redis } = parts.links;
  const { db } = parts.storage;
  const { clock } = process;
  const passwords = await startPasswords(process);
  const refreshTokens = createRefreshTokens(secrets.refreshSecret);
  const codes = createCodes({
    db,
    clock,
    secret: secrets.refreshSecret,
    rates: codeRatesOf(process.config),
  });
  const mailer = await openMailer(process);
  broker.createService(
    createUsersService({
      db,
      bus,
      ephemeral,
      // Shared with other processes it would hold mail addresses, and cost as much as the row.
      ...(redis === undefined && { profiles: ephemeral }),
      clock,
      tokens,
      refreshTokens,
      passwords,
      codes,
      google: openGoogle(process.config),
    }),
  );
  if (bus.lossy) await repeatRevoked(process, bus, db);
  broker.createService(createChatsService({ db, actors, call }));
  broker.createService(createKeysService({ db, clock }));
  return {
    handlers: [codeMailHandler({ db, clock, codes, mailer })],
    timetable: [cleanCodes({ db, clock })],
  };
}

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

const repeatTries = 5;
const repeatPauseMs = 1000;

/** What this process told of revoked logins while its link was broken is told again: gateways may not have heard. */
async function repeatRevoked({ life, clock, logger }: Process, bus: Bus, db: Database): Promise<void> {
  const repeat = async () => {
    for (let tries = 1; ; tries++) {
      try {
        for (const note of await revokedSince(db, clock.now() - tokenGoodMs)) publishRevoked(bus, note);
        return;
      } catch (error) {
        if (tries === repeatTries) {
          logger.warn({ err: error }, 'revoked logins could not be told again');
          return;
        }
        await sleep(clock, tries * repeatPauseMs);
      }
    }
  };
  await life.part(
    'revoked logins again',
    () => bus.onLoss(() => void repeat()),
    (end) => end(),
  );
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
