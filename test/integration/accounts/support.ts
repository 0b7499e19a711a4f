import { generateKeyPairSync } from 'node:crypto';
import { pino } from 'pino';
import type { Answer } from '../../../gateway/http/route.ts';
import { accountRoutes } from '../../../gateway/http/routes/accounts.ts';
import { adminRoutes } from '../../../gateway/http/routes/admin.ts';
import { codeRoutes } from '../../../gateway/http/routes/codes.ts';
import { googleRoutes } from '../../../gateway/http/routes/google.ts';
import { peopleRoutes } from '../../../gateway/http/routes/people.ts';
import { profileRoutes } from '../../../gateway/http/routes/profiles.ts';
import { createBroker, createCall } from '../../../ops/broker/broker.ts';
import type { CallMeta } from '../../../ops/broker/call.ts';
import { createLocalBus } from '../../../ops/bus/local-bus.ts';
import { createMemoryStore } from '../../../ops/ephemeral/memory-store.ts';
import { createAccessTokens } from '../../../ops/security/access-tokens.ts';
import { createMediaUrls } from '../../../ops/security/media-urls.ts';
import { createRevokedLogins } from '../../../ops/security/revoked-logins.ts';
import { fail } from '../../../schemas/errors.ts';
import type { Tokens } from '../../../schemas/rest/accounts.ts';
import { type RevokedLogins, subjects } from '../../../schemas/subjects.ts';
import { validator } from '../../../schemas/validator.ts';
import { createAccess } from '../../../services/access/access.ts';
import { readPolicy } from '../../../services/access/policy.ts';
import { createAuditService } from '../../../services/audit/audit.service.ts';
import { eraseKeys } from '../../../services/keys/keys.store.ts';
import { createAdminService } from '../../../services/users/admin.service.ts';
import { createCodes } from '../../../services/users/codes.ts';
import type { UsersParts } from '../../../services/users/parts.ts';
import { createPasswords } from '../../../services/users/passwords.ts';
import { createRefreshTokens } from '../../../services/users/refresh-tokens.ts';
import { createUsersService } from '../../../services/users/users.service.ts';
import { createViews } from '../../../services/users/views.ts';
import { connectTo, createTestDatabase } from '../../support/database.ts';
import { manualClock } from '../../unit/accounts/support.ts';

export interface Ask {
  body?: object;
  query?: Record<string, string>;
  id?: string;
  /** The access token that it is sent with. */
  token?: string;
  device?: string;
  ip?: string;
  headers?: Record<string, string>;
}

export const password = 'correct horse';

const routes = new Map(
  [...accountRoutes, ...profileRoutes, ...peopleRoutes, ...adminRoutes, ...codeRoutes, ...googleRoutes].map(
    (route) => [
      `${route.method} ${route.path}`,
      {
        route,
        body: route.body && validator(route.body),
        query: route.query && validator(route.query),
        replies: new Map(
          Object.entries(route.replies).map(([status, schema]) => [
            Number(status),
            schema && validator(schema),
          ]),
        ),
      },
    ],
  ),
);

/** The users service behind a broker, over a real database, asked through the rows of its routes. */
export async function startAccounts(
  rates = { perAddress: 5, perIp: 1000, all: 10_000 },
  google?: UsersParts['google'],
) {
  const clock = manualClock();
  const database = await createTestDatabase();
  const db = await connectTo(database.url);
  const bus = createLocalBus();
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const privateKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const tokens = createAccessTokens({ privateKeyPem, clock });
  const revoked = createRevokedLogins({ bus, clock, ttlMs: 905_000 });
  const notes: RevokedLogins[] = [];
  bus.subscribe(subjects.revoked, ({ note }) => notes.push(note as RevokedLogins));
  const refreshTokens = createRefreshTokens('a secret of at least thirty-two bytes');
  const passwords = createPasswords({ cost: 4, queue: 100 });
  const ephemeral = createMemoryStore(clock);
  const codes = createCodes({ db, clock, secret: 'a secret of at least thirty-two bytes', rates });

  const logged: string[] = [];
  const logger = pino({ level: 'trace' }, { write: (line: string) => void logged.push(line) });
  const broker = createBroker({ nodeId: 'test-accounts', logger, requestTimeoutMs: 10_000 });
  const call = createCall(broker);
  const views = createViews(createMediaUrls('a secret of at least thirty-two bytes', clock));
  broker.createService(
    createUsersService({
      db,
      call,
      views,
      actors: { peek: async () => new Map() },
      bus,
      ephemeral,
      profiles: ephemeral,
      clock,
      tokens,
      refreshTokens,
      passwords,
      erasers: [eraseKeys],
      codes,
      google,
    }),
  );
  const access = createAccess({ db, clock, policy: await readPolicy() });
  broker.createService(createAdminService({ db, bus, clock, profiles: ephemeral, access }));
  broker.createService(createAuditService({ db, access }));
  await broker.start();

  /** Asks as the gateway does: body, query and answer are held to their schemas. The answer's body. */
  async function ask<Reply = never>(name: string, asked: Ask = {}): Promise<Reply> {
    return (await answerOf(name, asked)).body as Reply;
  }

  /** The whole answer. */
  async function answerOf(name: string, asked: Ask = {}): Promise<Answer> {
    const found = routes.get(name);
    if (found === undefined) throw new Error(`There is no route ${name}`);
    found.query?.(asked.query ?? {});
    const caller = found.route.auth === 'user' ? tokens.verify(asked.token ?? '') : undefined;
    if (caller && revoked.has(caller.login_id)) throw fail('unauthenticated', { reason: 'login_revoked' });
    const answer = await found.route.handle(
      {
        params: asked.id === undefined ? {} : { id: asked.id },
        query: asked.query ?? {},
        body: found.body?.(asked.body),
        headers: asked.headers ?? {},
        ...(caller && { caller }),
        request_id: 'r-1',
        ip: () => asked.ip ?? '192.0.2.1',
        left: () => 5000,
        device: asked.device ?? 'test',
      },
      {
        call,
        callNow: call,
        tokens,
        actors: undefined as never,
        openStream: undefined as never,
        media: undefined as never,
      },
    );
    if (!found.replies.has(answer.status)) throw new Error(`${name} answered ${answer.status}`);
    found.replies.get(answer.status)?.(answer.body);
    return answer;
  }

  let made = 0;
  /** A new user with a name that no other test has. */
  function register(more: object = {}): Promise<Tokens> {
    const username = `tester_${++made}`;
    return ask<Tokens>('POST /api/v1/auth/register', {
      body: { username, email: `${username}@example.com`, password, ...more },
    });
  }

  return {
    ask,
    answerOf,
    register,
    call,
    db,
    bus,
    clock,
    notes,
    logged,
    tokens,
    passwords,
    codes,
    url: database.url,
    metaOf: (of: Tokens): CallMeta => {
      const { user_id, login_id } = tokens.verify(of.access_token);
      return { request_id: 'r-1', user_id, login_id };
    },
    login: (body: object, more: Ask = {}) =>
      ask<Tokens>('POST /api/v1/auth/login', { body: { password, ...body }, ...more }),
    refresh: (refresh_token: string) => ask<Tokens>('POST /api/v1/auth/refresh', { body: { refresh_token } }),
    async stop() {
      await broker.stop();
      await passwords.close();
      await db.end();
      await database.drop();
    },
  };
}

export type Accounts = Awaited<ReturnType<typeof startAccounts>>;
