import { generateKeyPairSync } from 'node:crypto';
import { Writable } from 'node:stream';
import type { Actors, AskOptions, Result } from '../../../actors/client/ask.ts';
import type { Route } from '../../../gateway/http/route.ts';
import { createGateway, type GatewayParts, type GatewaySettings } from '../../../gateway/server.ts';
import { createBroker, createCall, defineService } from '../../../ops/broker/broker.ts';
import type { CallMeta } from '../../../ops/broker/call.ts';
import { createPatientCalls, type Offers } from '../../../ops/broker/patient-call.ts';
import type { Bus } from '../../../ops/bus/bus.ts';
import { createLocalBus } from '../../../ops/bus/local-bus.ts';
import type { Rate, Rates } from '../../../ops/config/rates.ts';
import { type Clock, systemClock } from '../../../ops/process/clock.ts';
import { createHealth } from '../../../ops/process/health.ts';
import { createAccessTokens } from '../../../ops/security/access-tokens.ts';
import { createRevokedLogins } from '../../../ops/security/revoked-logins.ts';
import { createLogger } from '../../../ops/telemetry/logger.ts';
import { createMetrics } from '../../../ops/telemetry/metrics.ts';
import { fail, refusalOf, SuhbatError } from '../../../schemas/errors.ts';
import { newId } from '../../../schemas/ids.ts';
import { closeClients } from './clients.ts';

/** A real gateway on a free port, with a real broker; chats and users are as small as a test needs them. */

export type Ask = (
  kind: string,
  id: string,
  commands: readonly object[],
) => Promise<Result[]> | Result[] | undefined;

export interface GatewayTest {
  port: number;
  base: string;
  /** One JSON object per log line. */
  lines: Record<string, unknown>[];
  /** Every ask, in order: kind, id and commands. */
  asked: { kind: string; id: string; commands: Record<string, unknown>[] }[];
  /** The options of each, and of every peek. */
  askedFor: AskOptions[];
  /** What actors answer; undefined: `{}` to every command. */
  actors: { answer: Ask };
  /** What services answer; a test replaces what it needs. */
  services: Record<string, (params: never, meta: CallMeta) => unknown>;
  called: { action: string; params: unknown; meta: CallMeta }[];
  bus: Bus;
  metrics: ReturnType<typeof createMetrics>;
  gateway: ReturnType<typeof createGateway>;
  token(userId: string, loginId?: string, lifetimeS?: number): string;
  /** Ends it, and every client. */
  stop(): Promise<void>;
}

export interface TestOptions {
  settings?: Partial<GatewaySettings>;
  rates?: Partial<Rates>;
  routes?: readonly Route[];
  /** Default: one of this process. */
  bus?: Bus;
  recheckLogins?: () => Promise<void>;
  sharedLimits?: GatewayParts['sharedLimits'];
  /** As in a cluster: actors live on other nodes, in so many shards. */
  shards?: number;
  /** Calls of clients that are refused as `no_service` wait until these offer them. */
  offers?: Offers;
  /** How many times faster the gateway's clock runs than ours. */
  hurry?: number;
  /** Its clock, where the test sets it. */
  clock?: Clock;
}

function hurried(times: number): Clock {
  const began = systemClock.now();
  return {
    now: () => began + (systemClock.now() - began) * times,
    monotonic: () => systemClock.monotonic() * times,
    after: (ms, task) => systemClock.after(ms / times, task),
  };
}

const generous: Rate = { amount: 1_000_000, perMs: 1000, burst: 1_000_000 };
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const privateKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;

export async function startGateway(options: TestOptions = {}): Promise<GatewayTest> {
  const lines: Record<string, unknown>[] = [];
  const sink = new Writable({
    write(chunk, _, done) {
      lines.push(JSON.parse(String(chunk)) as Record<string, unknown>);
      done();
    },
  });
  const logger = createLogger('info', sink as never);
  const { clock = hurried(options.hurry ?? 1) } = options;
  const { bus = createLocalBus() } = options;
  const metrics = createMetrics();
  const tokens = createAccessTokens({ privateKeyPem, clock });
  const revoked = createRevokedLogins({ bus, clock, ttlMs: 900_000 });
  const health = createHealth(clock, { version: 'test', commit: 'test' });
  health.phase('ready');

  const asked: GatewayTest['asked'] = [];
  const askedFor: AskOptions[] = [];
  const called: GatewayTest['called'] = [];
  const services: GatewayTest['services'] = {
    'chats.attach': () => ({ chats: [] }),
    'users.closed': () => [],
    'users.hides_from': () => [],
    'users.take_ticket': () => {
      throw fail('unauthenticated', { reason: 'ticket_invalid' });
    },
  };
  const answers: GatewayTest['actors'] = { answer: () => undefined };

  const actors: Actors = {
    async ask(kind, id, commands, options = {}) {
      askedFor.push(options);
      asked.push({ kind, id, commands: commands as Record<string, unknown>[] });
      try {
        return (await answers.answer(kind, id, commands)) ?? commands.map(() => ({ reply: {} }));
      } catch (error) {
        return commands.map(() => ({ refusal: refusalOf(error) }));
      }
    },
    async one<Reply>(kind: string, id: string, command: object, options?: AskOptions) {
      const [result] = await actors.ask(kind, id, [command], options);
      if (result === undefined) throw fail('internal');
      if ('refusal' in result) throw new SuhbatError(result.refusal);
      return result.reply as Reply;
    },
    async peek(_, ids, __, options = {}) {
      askedFor.push(options);
      return new Map(ids.map((id) => [id, undefined]));
    },
  };

  const broker = createBroker({ nodeId: newId(), logger: createLogger('silent'), requestTimeoutMs: 5000 });
  for (const [service, actions] of Object.entries({
    chats: ['attach', 'create', 'get', 'update', 'join', 'add_members', 'history', 'sync', 'message'],
    users: ['take_ticket', 'closed', 'hides_from', 'login', 'refresh'],
    keys: ['begin', 'keep', 'drop'],
  })) {
    const handlers = actions.map((name) => {
      const action = `${service}.${name}`;
      return [
        name,
        (params: never, meta: CallMeta) => {
          called.push({ action, params, meta });
          return services[action]?.(params, meta) ?? {};
        },
      ] as const;
    });
    broker.createService(defineService(service, Object.fromEntries(handlers)));
  }
  await broker.start();

  const callNow = createCall(broker);
  const patience = { call: callNow, clock, random: Math.random, budgetMs: 60_000, most: 100 };
  const patient = options.offers && createPatientCalls({ ...patience, offers: options.offers });

  const gateway = createGateway({
    operators: true,
    settings: {
      host: '127.0.0.1',
      port: 0,
      allowedOrigins: ['https://chat.example'],
      trustedProxies: [],
      pingInterval: 25_000,
      maxBackpressure: 1024 * 1024,
      callTimeout: 5000,
      ...options.settings,
    },
    rates: {
      authPerAddress: generous,
      authPerIp: generous,
      messages: generous,
      frames: generous,
      calls: generous,
      socketsPerIp: 1000,
      ...options.rates,
    },
    nodeId: 'gateway-under-test',
    call: patient?.call ?? callNow,
    callNow,
    actors,
    ...(options.shards !== undefined && { shards: options.shards }),
    bus,
    tokens,
    revoked,
    ...(options.recheckLogins && { recheckLogins: options.recheckLogins }),
    clock,
    logger,
    metrics,
    health,
    // No route of these tests has anything to do with files.
    objects: undefined as never,
    routes: options.routes ?? [],
    ...(options.sharedLimits && { sharedLimits: options.sharedLimits }),
  });
  const { port } = await gateway.listen();

  return {
    port,
    base: `http://127.0.0.1:${port}`,
    lines,
    asked,
    askedFor,
    actors: answers,
    services,
    called,
    bus,
    metrics,
    gateway,
    token(userId, loginId = newId(), lifetimeS) {
      const made = lifetimeS === undefined ? tokens : createAccessTokens({ privateKeyPem, clock, lifetimeS });
      return made.sign(userId, loginId).token;
    },
    async stop() {
      closeClients();
      patient?.close();
      gateway.close();
      revoked.close();
      await broker.stop();
      await bus.close();
    },
  };
}

/** What was asked of chats, in order. */
export function chatAsks({ asked }: GatewayTest): GatewayTest['asked'] {
  return asked.filter(({ kind }) => kind === 'chat');
}

/** Holds the first ask of a chat until it is let go. */
export function holdFirst(test: GatewayTest): { letGo: () => void } {
  const held = { letGo: () => {} };
  let first = true;
  test.actors.answer = (kind) => {
    if (kind !== 'chat' || !first) return undefined;
    first = false;
    return new Promise((resolve) => {
      held.letGo = () => resolve([{ reply: {} }]);
    });
  };
  return held;
}
