import { expect } from 'chai';
import type { Tokens } from '../../../schemas/rest/accounts.ts';
import type { Problem } from '../../../schemas/rest/problem.ts';
import { eventually } from '../../support/eventually.ts';
import { message } from './frames/cases.ts';
import { expectExact } from './support/exact.ts';
import { type Product, startProduct } from './support/program.ts';
import { rest } from './support/rest.ts';
import { freshAddress, freshName, freshPassword, say } from './support/secrets.ts';
import { closeSockets, openSocket, type Socket } from './support/socket.ts';

describe('a stop and a start', () => {
  let own: Product;
  let ann: Tokens;
  let bob: Tokens;

  before(async function () {
    this.timeout(60_000);
    own = await startProduct({ SUHBAT_PRESENCE_GRACE: '200' });
    [ann, bob] = await Promise.all([register(), register()]);
  });
  after(async function () {
    this.timeout(120_000);
    closeSockets();
    await own?.end();
    expectExact();
  });

  async function register(): Promise<Tokens> {
    const body = { username: freshName(), email: freshAddress(), password: freshPassword() };
    return (await rest<Tokens>('POST', '/api/v1/auth/register', { body, url: own.url })).body;
  }

  async function open({ access_token }: Tokens): Promise<Socket> {
    const socket = await openSocket(own.url, { token: access_token });
    await socket.event('ready');
    return socket;
  }

  async function restart(): Promise<void> {
    closeSockets();
    own.program.signal('SIGTERM');
    expect(await own.program.ended()).to.equal(0);
    await own.again();
  }

  /** All that the two can read of a chat. */
  async function everything(chat_id: string): Promise<object[]> {
    const seen: object[] = [];
    for (const user of [ann, bob]) {
      const socket = await open(user);
      const { messages } = await socket.request('history', { chat_id, limit: 200 });
      seen.push(messages, await socket.request('chat.get', { chat_id }), await socket.request('sync', {}));
      socket.close();
    }
    return seen;
  }

  it('change nothing of what can be read, and no client_id is new', async function () {
    this.timeout(60_000);
    const [one, other] = [await open(ann), await open(bob)];
    const { chat } = await one.request('chat.create', {
      chat_type: 'group',
      title: say(),
      member_ids: [bob.user.id],
    });
    const chat_id = chat.id;
    await one.request('chat.update', { chat_id, about: say(), username: freshName() });
    const sends = Array.from({ length: 130 }, () => message(chat_id));
    const sent = await Promise.all(sends.map((fields) => one.request('message.send', fields)));
    const [first] = sent;
    const target = first?.seq ?? 0;
    await one.request('message.edit', { chat_id, target, text: say('edited') });
    await other.request('reaction.set', { chat_id, target, emoji: '👍' });
    await one.request('message.delete', { chat_id, target: target + 1 });
    await other.request('read', { chat_id, seq: target + 50 });
    const before = await everything(chat_id);
    for (let times = 0; times < 2; times++) {
      await restart();
      expect(await everything(chat_id)).to.deep.equal(before);
    }
    const socket = await open(ann);
    const again = await Promise.all(sends.map((fields) => socket.request('message.send', fields)));
    expect(again).to.deep.equal(sent);
    const { seq } = await socket.request('message.send', message(chat_id));
    expect(seq).to.equal(Math.max(...sent.map((reply) => reply.seq)) + 4);
  });

  it('keep when somebody was last seen', async function () {
    this.timeout(60_000);
    const path = `/api/v1/users/${bob.user.id}/presence`;
    const presence = async () =>
      (
        await rest<{ online: boolean; last_seen_at: string }>('GET', path, {
          token: ann.access_token,
          url: own.url,
        })
      ).body;
    (await open(bob)).close();
    await eventually(async () => !(await presence()).online);
    const seen = await presence();
    expect(Date.parse(seen.last_seen_at)).to.be.closeTo(Date.now(), 60_000);
    await restart();
    expect(await presence()).to.deep.equal(seen);
  });

  it('bring no login back to life', async function () {
    this.timeout(60_000);
    const { access_token: token, refresh_token } = await register();
    const me = async () => (await rest<Problem>('GET', '/me', { token, url: own.url })).status;
    expect(await me()).to.equal(200);
    await rest('POST', '/api/v1/auth/logout', { token, url: own.url });
    await restart();
    expect(await me()).to.equal(401);
    const refresh = await rest('POST', '/api/v1/auth/refresh', { body: { refresh_token }, url: own.url });
    expect(refresh.status).to.equal(401);
    expect((await rest('GET', '/me', { token: ann.access_token, url: own.url })).status).to.equal(200);
  });
});
