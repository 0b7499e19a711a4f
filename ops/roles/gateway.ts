import type { Actors } from '../../actors/client/ask.ts';
import { accountRoutes } from '../../gateway/http/routes/accounts.ts';
import { adminRoutes } from '../../gateway/http/routes/admin.ts';
import { chatRoutes } from '../../gateway/http/routes/chats.ts';
import { codeRoutes } from '../../gateway/http/routes/codes.ts';
import { googleRoutes } from '../../gateway/http/routes/google.ts';
import { mediaRoutes } from '../../gateway/http/routes/media.ts';
import { messageRoutes } from '../../gateway/http/routes/messages.ts';
import { peopleRoutes } from '../../gateway/http/routes/people.ts';
import { profileRoutes } from '../../gateway/http/routes/profiles.ts';
import { supabaseRoutes } from '../../gateway/http/routes/supabase.ts';
import { createGateway } from '../../gateway/server.ts';
import { createPatientCalls, offersOf, type PatientCalls } from '../broker/patient-call.ts';
import { ratesOf } from '../config/rates.ts';
import type { Secrets } from '../config/secrets.ts';
import type { RedisLink } from '../connections/redis.ts';
import { createOnlineKeys, type OnlineKeys } from '../ephemeral/online-keys.ts';
import type { Objects } from '../objects/objects.ts';
import { sleep } from '../process/clock.ts';
import { type AccessTokens, tokenGoodMs } from '../security/access-tokens.ts';
import { createRevokedLogins, learnRevoked, type RevokedLogins } from '../security/revoked-logins.ts';
import { sampleQueue } from '../telemetry/queues.ts';
import type { Links } from './links.ts';
import { type Process, reachable } from './process.ts';

export interface GatewayRoleParts {
  links: Links;
  actors: Actors;
  tokens: AccessTokens;
  secrets: Secrets;
  objects: Objects;
}

/** Listens for clients; gives the URL at which this machine reaches it. */
export async function startGateway(process: Process, parts: GatewayRoleParts): Promise<string> {
  const { life, config } = process;
  const { links, actors, tokens, secrets, objects } = parts;
  const { call, bus, redis } = links;
  const logins = await startRevokedLogins(process, links, tokenGoodMs);
  const prefix = `${config.namespace}:`;
  const calls = await startCalls(process, links);
  const gateway = createGateway({
    ...process,
    call: calls.call,
    callNow: call,
    actors,
    ...(config.natsUrl !== undefined && { shards: config.shards }),
    bus,
    tokens,
    revoked: logins.revoked,
    recheckLogins: logins.learn,
    settings: config,
    rates: ratesOf(config),
    online: redis && (await openOnlineKeys(process, redis, prefix)),
    ...(redis && { sharedLimits: { redis, prefix, secret: secrets.tokenKey } }),
    // In a cluster health and metrics have a port of their own.
    operators: config.natsUrl === undefined,
    objects,
    routes: [
      ...accountRoutes,
      ...codeRoutes,
      ...googleRoutes,
      ...supabaseRoutes,
      ...profileRoutes,
      ...peopleRoutes,
      ...adminRoutes,
      ...chatRoutes,
      ...messageRoutes,
      ...mediaRoutes,
    ],
  });
  const { port } = await life.part(
    'gateway',
    () => gateway.listen(),
    async (_, withinMs) => {
      await gateway.drain(withinMs / 2);
      gateway.close();
    },
  );
  return `http://${reachable(config.host)}:${port}`;
}

/** Calls that may wait for somebody to serve them. They are made in one moment: far fewer than may be in flight. */
const waitingMost = 2_000;

/** What clients ask for outlasts the restart of the only services process. */
async function startCalls(
  { life, config, clock, metrics }: Process,
  { broker, call }: Links,
): Promise<PatientCalls> {
  const calls = await life.part(
    'calls',
    () =>
      createPatientCalls({
        call,
        offers: offersOf(broker),
        clock,
        random: Math.random,
        budgetMs: config.callTimeout,
        most: waitingMost,
      }),
    (patient) => patient.close(),
  );
  metrics.sample(() => sampleQueue(metrics, 'waiting_calls', calls.waiting(), waitingMost));
  return calls;
}

const learnAgainMs = 500;

interface Logins {
  revoked: RevokedLogins;
  /** Asks the services which logins were revoked while an access token lives. Throws what the call throws. */
  learn(): Promise<void>;
}

/** Made before it learns what the database knows, so that nothing falls between. */
async function startRevokedLogins(
  { life, clock, config, logger }: Process,
  { bus, call }: Links,
  ttlMs: number,
): Promise<Logins> {
  const revoked = await life.part(
    'revoked logins',
    () => createRevokedLogins({ bus, clock, ttlMs }),
    (list) => list.close(),
  );
  const learn = () => learnRevoked(revoked, call, clock.now() - ttlMs, config.callTimeout);
  // Services may start after us; a gateway that knew nothing would let dead tokens in.
  for (let tries = 0; ; tries++) {
    try {
      await bus.settled();
      await learn();
      return { revoked, learn };
    } catch (error) {
      if (tries === 0) logger.info({ err: error }, 'waiting for the services');
      await sleep(clock, learnAgainMs);
    }
  }
}

function openOnlineKeys({ life, clock }: Process, redis: RedisLink, prefix: string): Promise<OnlineKeys> {
  return life.part(
    'online keys',
    () => createOnlineKeys({ redis, prefix, clock }),
    (keys) => keys.close(),
  );
}
