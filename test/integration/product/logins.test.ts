import { expect } from 'chai';
import type { Tokens } from '../../../schemas/rest/accounts.ts';
import type { Problem } from '../../../schemas/rest/problem.ts';
import { useProduct } from './support/program.ts';
import { rest } from './support/rest.ts';
import { keepSecret } from './support/secrets.ts';
import type { Socket } from './support/socket.ts';
import { newUser, newUsers, type User } from './support/users.ts';

/** A user on three devices, each with a socket; the third opened two. */
async function threeDevices() {
  const one = await newUser();
  const two = await one.again();
  const three = await one.again();
  const sockets = await Promise.all([one.open(), two.open(), three.open(), three.open()]);
  return { devices: [one, two, three] as const, sockets: sockets as [Socket, Socket, Socket, Socket] };
}

async function isDead({ tokens }: User): Promise<void> {
  const token = tokens.access_token;
  const me = await rest<Problem>('GET', '/me', { token });
  expect([me.status, me.body.reason]).to.deep.equal([401, 'login_revoked']);
  const refresh_token = tokens.refresh_token;
  const refresh = await rest<Problem>('POST', '/api/v1/auth/refresh', { body: { refresh_token } });
  expect([refresh.status, refresh.body.reason]).to.deep.equal([401, 'refresh_invalid']);
}

async function lives({ tokens }: User, ...sockets: Socket[]): Promise<void> {
  expect((await rest('GET', '/me', { token: tokens.access_token })).status).to.equal(200);
  for (const socket of sockets) await socket.quiet();
}

const revoked = { code: 4003 };

describe('a login that ends', () => {
  useProduct();

  it('by logging out takes its tokens and sockets with it at once, and no others', async () => {
    const { devices, sockets } = await threeDevices();
    const [one, two, three] = devices;
    expect((await three.rest('POST', '/api/v1/auth/logout')).status).to.equal(204);
    await isDead(three);
    expect(await sockets[2].end()).to.include(revoked);
    expect(await sockets[3].end()).to.include(revoked);
    await lives(one, sockets[0]);
    await lives(two, sockets[1]);
  });

  it('takes them before the answer: what is asked right after it is refused', async () => {
    const user = await newUser();
    for (let round = 0; round < 5; round++) {
      const device = await user.again();
      const socket = await device.open();
      await device.rest('POST', '/api/v1/auth/logout');
      const [me, ticket] = await Promise.all([
        device.rest('GET', '/me'),
        device.rest('POST', '/api/v1/ws-ticket'),
      ]);
      expect([me.status, ticket.status]).to.deep.equal([401, 401]);
      expect(await socket.end()).to.include(revoked);
    }
  });

  it('by logging out everywhere is every login of the user, and nobody else’s', async () => {
    const { devices, sockets } = await threeDevices();
    const other = await newUser();
    const theirs = await other.open();
    expect((await devices[0].rest('POST', '/api/v1/auth/logout-all')).status).to.equal(204);
    for (const device of devices) await isDead(device);
    for (const socket of sockets) expect(await socket.end()).to.include(revoked);
    await lives(other, theirs);
    await lives(await devices[0].again());
  });

  it('by name is that one; another user’s, one that has ended and none at all are not found', async () => {
    const { devices, sockets } = await threeDevices();
    const [one, two, three] = devices;
    const [eve] = await newUsers('eve');
    const remove = async (by: User, id: string) => {
      const { status, body } = await by.rest<Problem>('DELETE', `/api/v1/auth/logins/${id}`);
      return [status, body.reason];
    };
    for (const id of [one.login_id, eve.id, 'nonsense', `${one.login_id}0`])
      expect(await remove(eve, id)).to.deep.equal([404, 'no_login']);
    await lives(one, sockets[0]);
    expect(await remove(one, two.login_id.toUpperCase())).to.deep.equal([204, undefined]);
    expect(await remove(one, two.login_id)).to.deep.equal([404, 'no_login']);
    await isDead(two);
    expect(await sockets[1].end()).to.include(revoked);
    await lives(three, sockets[2], sockets[3]);
    expect(await remove(one, one.login_id)).to.deep.equal([204, undefined]);
    await isDead(one);
    expect(await sockets[0].end()).to.include(revoked);
  });
});

describe('a refresh token', () => {
  useProduct();

  async function refresh(refresh_token: string) {
    const answer = await rest<Tokens & Problem>('POST', '/api/v1/auth/refresh', { body: { refresh_token } });
    if (answer.status === 200) {
      keepSecret(answer.body.access_token);
      keepSecret(answer.body.refresh_token);
    }
    return answer;
  }

  it('gives new tokens of the same login; the old access token lives until it expires', async () => {
    const user = await newUser();
    const socket = await user.open();
    const { body } = await refresh(user.tokens.refresh_token);
    expect(body.user).to.deep.equal(user.tokens.user);
    expect(body.refresh_token).not.to.equal(user.tokens.refresh_token);
    await lives(user, socket);
    await socket.request('auth', { token: body.access_token });
  });

  it('repeated by the same client at once gives the same answer', async () => {
    const { tokens } = await newUser();
    const answers = await Promise.all([1, 2, 3, 4].map(() => refresh(tokens.refresh_token)));
    expect(answers.map(({ status }) => status)).to.deep.equal([200, 200, 200, 200]);
    expect(new Set(answers.map(({ body }) => body.refresh_token)).size).to.equal(1);
  });

  it('used again after its successor was used revokes the login, its tokens and sockets, and no other', async () => {
    const { devices, sockets } = await threeDevices();
    const [one, two, three] = devices;
    const first = await refresh(three.tokens.refresh_token);
    const second = await refresh(first.body.refresh_token);
    const again = await refresh(three.tokens.refresh_token);
    expect([again.status, again.body.reason]).to.deep.equal([401, 'refresh_reused']);
    expect(await sockets[2].end()).to.include(revoked);
    expect(await sockets[3].end()).to.include(revoked);
    await isDead(three);
    const newest = await refresh(second.body.refresh_token);
    expect([newest.status, newest.body.reason]).to.deep.equal([401, 'refresh_invalid']);
    expect((await rest('GET', '/me', { token: second.body.access_token })).status).to.equal(401);
    await lives(one, sockets[0]);
    await lives(two, sockets[1]);
  });

  it('that was changed, or is of another kind, is refused without harm', async () => {
    const user = await newUser();
    const { refresh_token, access_token } = user.tokens;
    const [login, generation, mac] = refresh_token.split('.');
    for (const wrong of [
      `${login}.2.${mac}`,
      `${login}.${generation}.${'A'.repeat(43)}`,
      `${(await newUser()).login_id}.${generation}.${mac}`,
      access_token,
      'x',
    ]) {
      const { status, body } = await refresh(wrong);
      expect([status, body.reason]).to.deep.equal([401, 'refresh_invalid']);
    }
    expect((await refresh(refresh_token)).status).to.equal(200);
  });
});
