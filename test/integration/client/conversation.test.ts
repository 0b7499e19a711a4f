import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  type Client,
  type ConnectOptions,
  connect,
  type Message,
  register,
  type TokensAnswer,
} from 'suhbat/client';
import { freePort } from '../../../ops/process/free-port.ts';
import { type Program, startProgram } from '../../support/process.ts';
import { checkPromises, createRecorder, type Recorder, wholeHistory } from '../../support/recorder.ts';
import { until } from '../../support/until.ts';
import { type Link, openLink } from './link.ts';

describe('the SDK and Suhbat', function () {
  this.timeout(120_000);

  let folder = '';
  let url = '';
  let env: Record<string, string>;
  let program: Program;
  const clients: Client[] = [];
  const links: Link[] = [];
  let names = 0;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'suhbat-client-'));
    env = {
      SUHBAT_DATA_DIR: folder,
      SUHBAT_PORT: String(await freePort()),
      SUHBAT_RATE_LIMIT_FACTOR: '1000',
      SUHBAT_PING_INTERVAL: '5000',
      SUHBAT_PRESENCE_GRACE: '0',
    };
    program = startProgram({ env });
    url = await program.ready();
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
    for (const link of links.splice(0)) link.close();
  });
  after(async () => {
    program.signal('SIGTERM');
    await program.ended();
    program.kill();
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  async function user(): Promise<TokensAnswer> {
    names++;
    return register(url, {
      email: `user${names}@example.org`,
      username: `client_${names}`,
      password: 'a long password',
    });
  }

  function connected(tokens: TokensAnswer, options: Partial<ConnectOptions> = {}): Client {
    const settings = { backoffBaseMs: 50, backoffMaxMs: 500 };
    const client = connect({ url, tokens, settings, ...options });
    clients.push(client);
    return client;
  }

  async function link(): Promise<Link> {
    const one = await openLink(url);
    links.push(one);
    return one;
  }

  /** So many users in one group, all caught up, each recorded from the group's first message on. */
  async function group(size: number, at = url): Promise<{ chatId: string; members: Member[] }> {
    const users: TokensAnswer[] = [];
    for (let n = 0; n < size; n++) users.push(await user());
    const all = users.map((tokens) => connected(tokens, { url: at }));
    const [owner] = all as [Client];
    const chat = await owner.createGroup({
      title: 'A group',
      member_ids: users.slice(1).map((tokens) => tokens.user.id),
    });
    const members = all.map((client, n) => {
      const received: Message[] = [];
      client.on('message', (message) => received.push(message));
      return {
        client,
        recorder: createRecorder(client, `member ${n}`),
        received,
        id: users[n]?.user.id ?? '',
      };
    });
    for (const { client } of members) {
      await client.synced();
      client.follow(chat.id, 0);
      await client.synced();
    }
    return { chatId: chat.id, members };
  }

  interface Member {
    client: Client;
    recorder: Recorder;
    received: Message[];
    id: string;
  }

  /** Everybody has received the whole chat; the breaches of the promises are what is left to expect. */
  async function breaches(chatId: string, members: Member[]): Promise<string[]> {
    const [{ client }] = members as [Member];
    const history = await wholeHistory(client, chatId);
    await until(
      'everybody to have it all',
      () => members.every(({ received }) => received.length >= history.length),
      20_000,
    );
    return checkPromises({
      recorders: members.map(({ recorder }) => recorder),
      finalHistories: new Map([[chatId, history]]),
    });
  }

  it('talk: every member sees every message once, in one order', async () => {
    const { chatId, members } = await group(4);
    await Promise.all(
      members.map(async ({ recorder }) => {
        for (let n = 0; n < 25; n++) await recorder.send(chatId, `${recorder.name} says ${n}`);
      }),
    );
    expect(await breaches(chatId, members)).to.deep.equal([]);
    const texts = members[0]?.received.filter(({ kind }) => kind === 'text');
    expect(texts).to.have.length(100);
  });

  it('keep all promises while connections are cut again and again', async () => {
    const cut = await link();
    const { chatId, members } = await group(4, cut.url);
    let sending = true;
    const sends = members.map(async ({ recorder }) => {
      for (let n = 0; sending; n++) await recorder.send(chatId, `${recorder.name} says ${n}`);
    });
    const acked = ({ recorder }: Member) => recorder.records.filter(({ type }) => type === 'ok').length;
    for (let round = 1; round <= 8; round++) {
      const before = members.map(acked);
      const progress = () => members.every((member, n) => acked(member) > (before[n] ?? 0) + 5);
      await until(`everybody to go on in round ${round}`, progress, 20_000);
      cut.cut();
    }
    sending = false;
    await Promise.all(sends);
    await until('everybody to be back after the last cut', () => cut.count >= 36, 20_000);
    expect(await breaches(chatId, members)).to.deep.equal([]);
  });

  it('leave a frozen link, and go on where they were', async () => {
    const frozen = await link();
    const { chatId, members } = await group(2, frozen.url);
    const [anna, boris] = members as [Member, Member];
    await anna.recorder.send(chatId, 'before');
    frozen.freeze();
    const after = anna.recorder.send(chatId, 'after');
    expect(await after).to.include({ type: 'ok' });
    await until('Boris to have it', () => boris.received.at(-1)?.text === 'after', 20_000);
    expect(await breaches(chatId, members)).to.deep.equal([]);
  });

  it('keep all promises when everything is killed with -9 while they send', async () => {
    const { chatId, members } = await group(4);
    let sending = true;
    const sends = members.map(async ({ recorder }) => {
      for (let n = 0; sending; n++) await recorder.send(chatId, `${recorder.name} says ${n}`);
    });
    const acked = () =>
      members.flatMap(({ recorder }) => recorder.records.filter((one) => one.type === 'ok'));
    const progress = async () => {
      const { length } = acked();
      await until('progress', () => acked().length > length + 50, 30_000);
    };
    await progress();
    program.kill();
    await program.ended();
    program = startProgram({ env });
    expect(await program.ready()).to.equal(url);
    await progress();
    sending = false;
    await Promise.all(sends);
    expect(await breaches(chatId, members)).to.deep.equal([]);
  });

  it('open a private chat with its first message, and both sides see all of it', async () => {
    const [anna, boris] = [await user(), await user()];
    const [a, b] = [connected(anna), connected(boris)];
    await Promise.all([a.synced(), b.synced()]);
    const received: Message[] = [];
    b.on('message', (message) => received.push(message));
    const acks = await Promise.all(
      ['one', 'two', 'three'].map((text) => a.send({ user_id: boris.user.id, text })),
    );
    await until('Boris to have them', () => received.filter(({ kind }) => kind === 'text').length === 3);
    expect(received.filter(({ kind }) => kind === 'text').map(({ seq }) => seq)).to.deep.equal(
      acks.map(({ seq }) => seq),
    );
    const [chat] = await b.chats();
    expect(chat).to.include({ unread: 3 });
    expect(chat?.chat).to.deep.include({ id: acks[0]?.chat_id, type: 'private' });
    expect(chat?.chat.peer?.id).to.equal(anna.user.id);
  });

  it('tell of changes, read marks, typing and presence', async () => {
    const { chatId, members } = await group(2);
    const [anna, boris] = members as [Member, Member];
    const told: string[] = [];
    boris.client.on('changed', ({ text, deleted_at, reactions }) =>
      told.push(deleted_at ? 'deleted' : `${text} ${reactions.map(({ emoji }) => emoji)}`),
    );
    boris.client.on('read', ({ user_id, seq }) => {
      if (user_id === anna.id) told.push(`read ${seq}`);
    });
    boris.client.on('typing', ({ active }) => told.push(`typing ${active}`));
    boris.client.on('presence', ({ online }) => told.push(`online ${online}`));
    const expectNext = async (next: string) => {
      await until(next, () => told.includes(next), 15_000);
      told.length = 0;
    };

    const { seq } = await anna.client.send({ chat_id: chatId, text: 'hullo' });
    await anna.client.edit(chatId, seq, 'hello');
    await expectNext('hello ');
    await boris.client.react(chatId, seq, '👍');
    await expectNext('hello 👍');
    await anna.client.delete(chatId, seq);
    await expectNext('deleted');
    anna.client.typing(chatId, true);
    await expectNext('typing true');
    await anna.client.send({ chat_id: chatId, text: 'again' });
    await expectNext('typing false');
    const { seq: last } = await boris.client.send({ chat_id: chatId, text: 'yes?' });
    anna.client.read(chatId, last);
    await expectNext(`read ${last}`);
    expect(await boris.client.watchPresence([anna.id])).to.deep.include({
      user_id: anna.id,
      online: true,
      last_seen_at: null,
    });
    anna.client.close();
    await expectNext('online false');
  });

  it('remove a member, who is told, and whose copy ends there', async () => {
    const { chatId, members } = await group(3);
    const [anna, boris] = members as [Member, Member];
    const gone: string[] = [];
    boris.client.on('chat_gone', ({ chat_id }) => gone.push(chat_id));
    await anna.client.removeMember(chatId, boris.id);
    await until('Boris to be told', () => gone.length === 1);
    expect(gone).to.deep.equal([chatId]);
    await anna.client.send({ chat_id: chatId, text: 'he is gone' });
    await boris.client.request('ping', {});
    expect(boris.received.map(({ text }) => text)).not.to.include('he is gone');
    const refused = await boris.recorder.send(chatId, 'am I?');
    expect(refused.type).to.equal('fail');
  });

  it('renew tokens, and end signed out when the login is logged out elsewhere', async () => {
    const tokens = await user();
    const client = connected({ ...tokens, access_token: 'not a token' });
    const signedOut: string[] = [];
    client.on('signed_out', ({ error }) => signedOut.push(error.code));
    await client.ready(); // by a refresh
    const login = await fetch(`${url}/api/v1/auth/logout-all`, {
      method: 'POST',
      headers: { authorization: `Bearer ${tokens.access_token}` },
    });
    expect(login.status).to.equal(204);
    await until('signed out', () => signedOut.length === 1);
    expect(signedOut).to.deep.equal(['unauthenticated']);
    expect(client.status).to.equal('ended');
  });
});
