import { expect } from 'chai';
import { withClient } from '../../../ops/connections/postgres-client.ts';
import { newId } from '../../../schemas/ids.ts';
import type { Tokens } from '../../../schemas/rest/accounts.ts';
import type { Problem } from '../../../schemas/rest/problem.ts';
import { eventually } from '../../support/eventually.ts';
import { type AskOptions, rest } from '../product/support/rest.ts';
import {
  expectNoSecrets,
  freshAddress,
  freshName,
  freshPassword,
  keepSecret,
  say,
} from '../product/support/secrets.ts';
import { openSocket, type Socket } from '../product/support/socket.ts';
import { startTwoGateways, type TwoGateways } from './support.ts';

/** Of a client, behind a proxy that is trusted: no log may hold it. */
const address = '198.51.100.77';
/** A gateway hears of it in some milliseconds, and must within a second; on a busy machine each try takes its time. */
const withinMs = 3000;

describe('logins in a cluster', function () {
  this.timeout(60_000);

  let gateways: TwoGateways;
  let here = '';
  let there = '';

  before(async () => {
    gateways = await startTwoGateways({
      counts: { actors: 1, services: 1 },
      env: { SUHBAT_TRUSTED_PROXIES: '127.0.0.1' },
    });
    ({ here, there } = gateways);
  });
  after(() => gateways?.stop());

  interface User {
    id: string;
    username: string;
    password: string;
    tokens: Tokens;
  }

  const ask = <Body>(url: string, method: string, path: string, more: AskOptions = {}) =>
    rest<Body>(method, path, { url, ...more, headers: { 'x-forwarded-for': address, ...more.headers } });

  function kept(tokens: Tokens): Tokens {
    keepSecret(tokens.access_token);
    keepSecret(tokens.refresh_token);
    return tokens;
  }

  async function newUser(): Promise<User> {
    const [username, password] = [freshName(), freshPassword()];
    const body = { username, password, email: freshAddress(), first_name: say('First') };
    const answer = await ask<Tokens>(here, 'POST', '/api/v1/auth/register', { body });
    expect(answer.status).to.equal(201);
    const tokens = kept(answer.body);
    return { id: tokens.user.id, username, password, tokens };
  }

  async function again({ username, password }: User): Promise<Tokens> {
    const { status, body } = await ask<Tokens>(there, 'POST', '/api/v1/auth/login', {
      body: { username, password },
    });
    expect(status).to.equal(200);
    return kept(body);
  }

  /** A socket of this login there; its token was taken there too, so it is remembered as good. */
  async function settle({ access_token: token }: Tokens): Promise<Socket> {
    for (const url of [here, there]) expect((await ask(url, 'GET', '/me', { token })).status).to.equal(200);
    const socket = await openSocket(there, { token });
    await socket.event('ready');
    return socket;
  }

  async function expectDead({ access_token: token }: Tokens, socket: Socket): Promise<void> {
    const mine = await ask<Problem>(here, 'GET', '/me', { token });
    expect([mine.status, mine.body.reason]).to.deep.equal([401, 'login_revoked']);
    await eventually(async () => {
      const { status } = await ask(there, 'GET', '/me', { token });
      return status === 401 || `it answered ${status}`;
    }, withinMs);
    expect(await socket.end()).to.include({ code: 4003 });
  }

  const giveRole = (id: string, role: string) =>
    withClient({ url: gateways.env.DATABASE_URL ?? '', applicationName: 'test' }, (client) =>
      client.query('update users set role = $1 where id = $2', [role, id]),
    );

  it('end on every gateway within a second, sockets and remembered tokens alike: by logging out', async () => {
    const user = await newUser();
    const [one, two] = [user.tokens, await again(user)];
    const sockets = [await settle(one), await settle(two)] as const;
    const token = two.access_token;
    expect((await ask(here, 'POST', '/api/v1/auth/logout', { token })).status).to.equal(204);
    await expectDead(two, sockets[1]);
    await sockets[0].quiet();
    await ask(here, 'POST', '/api/v1/auth/logout-all', { token: one.access_token });
    await expectDead(one, sockets[0]);
  });

  it('by another password, but for the one that changed it', async () => {
    const user = await newUser();
    const other = await again(user);
    const [mine, theirs] = [await settle(user.tokens), await settle(other)];
    const body = { current_password: user.password, new_password: freshPassword() };
    const { access_token: token } = user.tokens;
    expect((await ask(here, 'POST', '/api/v1/auth/password', { token, body })).status).to.equal(204);
    await expectDead(other, theirs);
    await mine.quiet();
    expect((await ask(there, 'GET', '/me', { token })).status).to.equal(200);
  });

  it('by a refresh token that comes twice, at two gateways', async () => {
    const { tokens } = await newUser();
    const socket = await settle(tokens);
    const refresh = (url: string, refresh_token: string) =>
      ask<Tokens & Problem>(url, 'POST', '/api/v1/auth/refresh', { body: { refresh_token } });
    const first = kept((await refresh(here, tokens.refresh_token)).body);
    const second = kept((await refresh(there, first.refresh_token)).body);
    const stolen = await refresh(here, tokens.refresh_token);
    expect([stolen.status, stolen.body.reason]).to.deep.equal([401, 'refresh_reused']);
    await expectDead(second, socket);
    expect((await refresh(there, second.refresh_token)).status).to.equal(401);
  });

  it('by a ban and by the end of the account; and a role that was taken away is gone everywhere', async () => {
    const [moderator, admin, eve, ann] = [await newUser(), await newUser(), await newUser(), await newUser()];
    await giveRole(moderator.id, 'moderator');
    await giveRole(admin.id, 'admin');
    const socket = await settle(eve.tokens);
    const ban = (url: string, by: User, act = 'ban') =>
      ask<Problem>(url, 'POST', `/admin/users/${eve.id}/${act}`, { token: by.tokens.access_token });
    expect((await ban(here, moderator)).status).to.equal(200);
    await expectDead(eve.tokens, socket);
    expect((await ban(there, moderator, 'unban')).status).to.equal(200);

    const lower = { token: admin.tokens.access_token, body: { role: 'user' } };
    expect((await ask(here, 'PUT', `/admin/users/${moderator.id}/role`, lower)).status).to.equal(200);
    for (const url of [there, here]) {
      const { status, body } = await ban(url, moderator);
      expect([status, body.reason]).to.deep.equal([403, 'not_permitted']);
    }

    const own = await settle(ann.tokens);
    const path = `/me?password=${encodeURIComponent(ann.password)}`;
    const { status } = await ask(here, 'DELETE', path, { token: ann.tokens.access_token });
    expect(status).to.equal(204);
    await expectDead(ann.tokens, own);
  });

  it('leave nothing in any log: no address, name, password, token, code or text, of stories that end well or badly', async () => {
    const [ann, bob] = [await newUser(), await newUser()];
    const token = ann.tokens.access_token;
    const socket = await settle(ann.tokens);
    const { chat } = await socket.request('chat.create', { chat_type: 'private', user_id: bob.id });
    const fields = { chat_id: chat.id, client_id: newId(), kind: 'text', text: say() } as const;
    await socket.request('message.send', fields);
    await socket.ask('message.send', { ...fields, more: say() });
    const wrong = { username: ann.username, password: freshPassword() };
    const asked = await Promise.all([
      ask(here, 'POST', '/api/v1/auth/login', { body: wrong }),
      ask(there, 'POST', '/api/v1/auth/login', {
        body: { email: freshAddress(), password: freshPassword() },
      }),
      ask(here, 'POST', '/api/v1/auth/register', { body: { ...wrong, email: freshAddress() } }),
      ask(there, 'POST', '/api/v1/auth/register', { raw: `{"email":"${freshAddress()}` }),
      ask(here, 'POST', '/api/v1/auth/password', {
        token,
        body: { current_password: freshPassword(), new_password: freshPassword() },
      }),
      ask(there, 'DELETE', `/me?password=${encodeURIComponent(freshPassword())}`, { token }),
      ask(here, 'POST', '/api/v1/auth/refresh', {
        body: { refresh_token: keepSecret(`${newId()}.1.${'C'.repeat(43)}`) },
      }),
      ask(there, 'PATCH', '/me', { token, body: { bio: say(), settings: { note: say() } } }),
      ask(here, 'GET', `/messages/search?q=${encodeURIComponent(say())}`, { token }),
      ask(there, 'GET', `/admin/users?search=${freshName()}`, { token }),
      ask(here, 'GET', `/ws?ticket=${keepSecret('a-ticket-that-nobody-gave')}`),
    ]);
    const ids = asked.map(({ headers }) => headers.get('x-request-id') ?? 'none');
    await eventually(() => {
      const text = gateways.logs.join('\n');
      return ids.every((id) => text.includes(`"request_id":"${id}"`));
    });
    const log = gateways.logs.join('\n');
    expectNoSecrets(log);
    expect(log).to.not.include(address);
    for (const name of ['SUHBAT_REFRESH_SECRET', 'postgres://']) expect(log).to.not.include(name);
  });
});
