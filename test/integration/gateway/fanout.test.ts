import { expect } from 'chai';
import type { Envelope } from '../../../ops/bus/bus.ts';
import { newId } from '../../../schemas/ids.ts';
import { subjects } from '../../../schemas/subjects.ts';
import { until } from '../../support/until.ts';
import { type Client, closeClients, connectReady } from './clients.ts';
import { raw, upgradeHead } from './raw.ts';
import { type GatewayTest, startGateway } from './support.ts';

describe('gateway: fan-out', () => {
  const group = newId();
  let test: GatewayTest;
  let members: Set<string>;
  let memberSeq: number;

  beforeEach(async () => {
    members = new Set();
    memberSeq = 3;
    test = await startGateway({ settings: { maxBackpressure: 64 * 1024 } });
    test.services['chats.attach'] = (_: object, { user_id = '' }) => ({
      chats: members.has(user_id) ? [{ id: group, member_seq: memberSeq }] : [],
    });
    test.actors.answer = (kind, _, commands) =>
      kind === 'chat'
        ? commands.map((command) => ({
            reply: { member: members.has((command as { by: string }).by), member_seq: memberSeq },
          }))
        : undefined;
  });
  afterEach(async () => {
    closeClients();
    await test.stop();
  });

  const member = async () => {
    const user = newId();
    members.add(user);
    return { user, client: await connectReady(test, user) };
  };
  const frame = (text: string, type = 'message.new') => JSON.stringify({ type, text });
  const message = (text: string, seq: number, more: Partial<Envelope['chat']> = {}): Envelope => ({
    frame: frame(text),
    chat: { id: group, seq, member_seq: memberSeq, ...more },
  });
  const publish = (envelope: Envelope) => test.bus.publish(subjects.chat(group), envelope);
  const texts = ({ frames }: Client) => frames.flatMap(({ text }) => (text === undefined ? [] : [text]));
  const heard = (client: Client, text: string) =>
    until(`hearing ${text}`, () => texts(client).includes(text));
  const entriesAsked = () => test.asked.filter(({ kind }) => kind === 'chat');

  it('brings frames of a user to all of his connections, and of a group to its members', async () => {
    const one = await member();
    const again = await connectReady(test, one.user);
    const two = await member();
    const stranger = await connectReady(test, newId());
    test.bus.publish(subjects.user(one.user), { frame: frame('private') });
    publish(message('group', 4));
    for (const client of [one.client, again]) {
      await heard(client, 'group');
      expect(texts(client)).to.deep.equal(['private', 'group']);
    }
    await heard(two.client, 'group');
    await stranger.request({ id: '1', type: 'ping' });
    expect(texts(two.client)).to.deep.equal(['group']);
    expect(texts(stranger)).to.deep.equal([]);
    expect(entriesAsked()).to.deep.equal([]);
  });

  it('misses nothing that is published after `ready`', async () => {
    const user = newId();
    members.add(user);
    for (let round = 0; round < 20; round++) {
      const client = await connectReady(test, user);
      publish(message(`after ${round}`, 10 + round));
      await heard(client, `after ${round}`);
      client.ws.close();
      await client.end();
    }
  });

  it('holds a subject only while a connection wants it', async () => {
    const { user, client } = await member();
    const again = await connectReady(test, user);
    await client.request({ id: '1', type: 'presence.watch', user_ids: [newId(), newId()] });
    const held = async () => {
      const text = await (await fetch(`${test.base}/metrics`)).text();
      return Number(/suhbat_fanout_subscriptions (\d+)/.exec(text)?.[1]);
    };
    const settles = async (count: number) => {
      for (let tries = 0; (await held()) !== count; tries++) {
        if (tries > 400) throw new Error(`held ${await held()}, not ${count}`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    };
    await settles(4);
    client.ws.close();
    await settles(2);
    again.ws.close();
    await settles(0);
  });

  it('detaches whoever a frame removes before it goes out; he hears nothing more', async () => {
    const stays = await member();
    const leaves = await member();
    publish(message('before', 4));
    memberSeq = 5;
    members.delete(leaves.user);
    publish(message('removal', 5, { removed: [leaves.user] }));
    test.bus.publish(subjects.user(leaves.user), {
      frame: frame('gone', 'chat.gone'),
      chat: { id: group, member_seq: 5, removed: [leaves.user] },
    });
    publish(message('after', 6));
    await heard(stays.client, 'after');
    await heard(leaves.client, 'gone');
    await leaves.client.request({ id: '1', type: 'ping' });
    expect(texts(leaves.client)).to.deep.equal(['before', 'gone']);
    expect(texts(stays.client)).to.deep.equal(['before', 'removal', 'after']);
    expect(entriesAsked()).to.deep.equal([]);
  });

  it('attaches a new member before `chat.new` goes out, open sockets included', async () => {
    const user = newId();
    const client = await connectReady(test, user);
    members.add(user);
    test.bus.publish(subjects.user(user), {
      frame: frame('new', 'chat.new'),
      attach: group,
      chat: { id: group, member_seq: 3 },
    });
    publish(message('first', 4));
    await heard(client, 'first');
    expect(texts(client)).to.deep.equal(['new', 'first']);
  });

  it('asks the owner where it has missed a membership change, before it delivers further', async () => {
    const stays = await member();
    const leaves = await member();
    publish(message('before', 4));
    memberSeq = 5;
    members.delete(leaves.user);
    // The removal at 5 is lost on its way.
    publish(message('after', 6));
    publish(message('more', 7));
    await heard(stays.client, 'more');
    await leaves.client.request({ id: '1', type: 'ping' });
    expect(texts(leaves.client)).to.deep.equal(['before']);
    expect(texts(stays.client)).to.deep.equal(['before', 'after', 'more']);
    expect(entriesAsked().length).to.equal(1);
  });

  it('asks also where a later change hides the one that was missed', async () => {
    const stays = await member();
    const leaves = await member();
    members.delete(leaves.user);
    memberSeq = 6;
    // Lost: the removal at 4, and 5. The change at 6 is its own.
    publish(message('somebody joined', 6));
    await heard(stays.client, 'somebody joined');
    await leaves.client.request({ id: '1', type: 'ping' });
    expect(texts(leaves.client)).to.deep.equal([]);
  });

  it('asks before it attaches a user on the word of a list older than what it has seen', async () => {
    const stays = await member();
    const user = newId();
    publish(message('change', 4, { member_seq: 4 }));
    await heard(stays.client, 'change');
    memberSeq = 4;
    const list = test.services['chats.attach'];
    test.services['chats.attach'] = (params: never, meta) =>
      meta.user_id === user ? { chats: [{ id: group, member_seq: 3 }] } : list?.(params, meta);
    const client = await connectReady(test, user);
    publish(message('secret', 5));
    await heard(stays.client, 'secret');
    await client.request({ id: '1', type: 'ping' });
    expect(texts(client)).to.deep.equal([]);
  });

  it('delivers nothing to a user whose membership nobody can confirm until somebody can', async () => {
    const { client } = await member();
    const answer = test.actors.answer;
    let asked = 0;
    test.actors.answer = (kind, id, commands) =>
      kind === 'chat' && ++asked < 3
        ? commands.map(() => ({ refusal: { code: 'unavailable' } }))
        : answer(kind, id, commands);
    memberSeq = 5;
    publish(message('after', 6));
    await client.request({ id: '1', type: 'ping' });
    expect(texts(client)).to.deep.equal([]);
    await heard(client, 'after');
    expect(asked).to.equal(3);
  });

  it('ignores the replay of an old removal', async () => {
    const { user, client } = await member();
    publish(message('old removal', 2, { member_seq: 2, removed: [user] }));
    publish(message('next', 4));
    await heard(client, 'next');
  });

  it('closes a client that never reads, and serves the others', async () => {
    const slow = newId();
    members.add(slow);
    const { client } = await member();
    const socket = raw(test, upgradeHead('/ws', { Authorization: `Bearer ${test.token(slow)}` }));
    await socket.has('"ready"');
    socket.socket.pause();
    const open = () => test.metrics.connections.get().then(({ values }) => values[0]?.value);
    const big = 'x'.repeat(32 * 1024);
    let seq = 3;
    while ((await open()) === 2) {
      publish(message(`${++seq} ${big}`, seq));
      await heard(client, `${seq} ${big}`);
    }
    publish(message('last', ++seq));
    await heard(client, 'last');
    expect(texts(client).length).to.equal(seq - 3);
    const { values } = await test.metrics.connectionsClosed.get();
    expect(values.map(({ labels, value }) => [labels.code, value])).to.deep.equal([['4008', 1]]);
    socket.socket.destroy();
  });

  it('never queues a droppable frame for a slow socket', async () => {
    const slow = newId();
    members.add(slow);
    const { client } = await member();
    const socket = raw(test, upgradeHead('/ws', { Authorization: `Bearer ${test.token(slow)}` }));
    await socket.has('"ready"');
    socket.socket.pause();
    const dropped = () => test.metrics.fanoutDropped.get().then(({ values }) => values[0]?.value);
    const big = 'x'.repeat(16 * 1024);
    for (let seq = 4; (await dropped()) === 0; seq++) {
      publish(message(`${seq} ${big}`, seq));
      await heard(client, `${seq} ${big}`);
      publish({
        ...message(`typing ${seq}`, 0),
        droppable: true,
        chat: { id: group, member_seq: memberSeq },
      });
      await heard(client, `typing ${seq}`);
    }
    socket.socket.destroy();
  });

  it('tells a watcher of presence, from the list it gave last', async () => {
    const [anna, bob] = [newId(), newId()];
    const answer = test.actors.answer;
    test.actors.answer = (kind, id, commands) => {
      if (kind !== 'user' || (commands[0] as { type: string }).type !== 'presence.get')
        return answer(kind, id, commands);
      if (id === bob) return [{ refusal: { code: 'unavailable' } }];
      return [{ reply: { user_id: id, online: true, last_seen_at: null } }];
    };
    const client = await connectReady(test, newId());
    const watch = (id: string, ...user_ids: string[]) =>
      client.request({ id, type: 'presence.watch', user_ids });
    expect((await watch('1', anna.toUpperCase(), bob, anna)).users).to.deep.equal([
      { user_id: anna, online: true, last_seen_at: null },
      { user_id: bob, online: false, last_seen_at: null },
    ]);
    const tell = (user_id: string, text: string) =>
      test.bus.publish(subjects.presence(user_id), {
        frame: JSON.stringify({ type: 'presence', user_id, text }),
        droppable: true,
      });
    tell(anna, 'anna off');
    await heard(client, 'anna off');
    expect((await watch('2', bob)).users).to.have.length(1);
    tell(anna, 'not watched');
    tell(bob, 'bob on');
    await heard(client, 'bob on');
    expect(texts(client)).to.deep.equal(['anna off', 'bob on']);
    expect((await watch('3')).users).to.deep.equal([]);
    const many = Array.from({ length: 201 }, newId);
    expect(await watch('4', ...many)).to.include({ code: 'invalid' });
  });

  it('answers presence over REST', async () => {
    const [me, anna] = [newId(), newId()];
    const seen = new Date(0).toISOString();
    test.actors.answer = (kind, id, commands) =>
      kind === 'user'
        ? commands.map(() => ({ reply: { user_id: id, online: false, last_seen_at: seen } }))
        : undefined;
    const headers = { authorization: `Bearer ${test.token(me)}`, 'content-type': 'application/json' };
    const get = (path: string) => fetch(test.base + path, { headers });
    const one = await get(`/api/v1/users/${anna}/presence`);
    expect(await one.json()).to.deep.equal({ online: false, last_seen_at: seen });
    expect((await get('/api/v1/users/nobody/presence')).status).to.equal(404);
    const ping = await fetch(`${test.base}/presence/ping`, { method: 'POST', headers });
    expect(ping.status).to.equal(204);
    expect(test.asked.at(-1)).to.deep.equal({ kind: 'user', id: me, commands: [{ type: 'presence.ping' }] });
    const body = JSON.stringify({ user_ids: [anna] });
    const list = await fetch(`${test.base}/api/v1/presence`, { method: 'POST', headers, body });
    expect(await list.json()).to.deep.equal({
      users: [{ user_id: anna, online: false, last_seen_at: seen }],
    });
    const open = await fetch(`${test.base}/api/v1/users/${anna}/presence`);
    expect(open.status).to.equal(401);
  });
});

describe('gateway: draining', () => {
  let test: GatewayTest;
  beforeEach(async () => {
    test = await startGateway();
  });
  afterEach(async () => {
    closeClients();
    await test.stop();
  });

  const message = { type: 'message.send', chat_id: newId(), client_id: newId(), kind: 'text', text: 'x' };

  it('says bye, answers what is in flight, then closes with 1001', async () => {
    let letGo = () => {};
    test.actors.answer = (kind) =>
      kind === 'chat'
        ? new Promise((resolve) => (letGo = () => resolve([{ reply: { seq: 1 } }])))
        : undefined;
    const [busy, idle] = [await connectReady(test, newId()), await connectReady(test, newId())];
    busy.send({ ...message, id: '1' });
    await until('the ask', () => test.asked.some(({ kind }) => kind === 'chat'));
    const drained = test.gateway.drain(10_000);
    for (const client of [busy, idle]) {
      const { reason, reconnect_after_ms } = await client.event('bye');
      expect(reason).to.equal('draining');
      expect(reconnect_after_ms).to.be.within(0, 5000);
    }
    expect(await busy.request({ ...message, id: '2' })).to.include({ code: 'unavailable', retryable: true });
    expect(busy.closed).to.equal(undefined);
    letGo();
    expect(await busy.reply('1')).to.include({ type: 'ok', seq: 1 });
    expect((await busy.end()).code).to.equal(1001);
    expect((await idle.end()).code).to.equal(1001);
    await drained;
  });

  it('is not ready, and takes no new connections', async () => {
    const agent = raw(test, 'GET /ready HTTP/1.1\r\nHost: x\r\n\r\n');
    await agent.has('200 OK');
    await test.gateway.drain(1000);
    agent.socket.write('GET /ready HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await agent.has('503')).to.include('Connection: close');
    const late = raw(test, 'GET /live HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await late.gone()).to.equal('');
  });

  it('ends at its deadline although something stays unanswered', async () => {
    test.actors.answer = (kind) => (kind === 'chat' ? new Promise(() => {}) : undefined);
    const client = await connectReady(test, newId());
    client.send({ ...message, id: '1' });
    await until('the ask', () => test.asked.some(({ kind }) => kind === 'chat'));
    await test.gateway.drain(200);
    expect((await client.end()).code).to.equal(1001);
  });
});
