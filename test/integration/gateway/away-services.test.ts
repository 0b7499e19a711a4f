import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { metaOf } from '../../../gateway/http/meta.ts';
import type { Route } from '../../../gateway/http/route.ts';
import { accountRoutes } from '../../../gateway/http/routes/accounts.ts';
import { chatRoutes } from '../../../gateway/http/routes/chats.ts';
import { supabaseRoutes } from '../../../gateway/http/routes/supabase.ts';
import type { Offers } from '../../../ops/broker/patient-call.ts';
import { createLocalBus } from '../../../ops/bus/local-bus.ts';
import { fail } from '../../../schemas/errors.ts';
import { newId } from '../../../schemas/ids.ts';
import { subjects } from '../../../schemas/subjects.ts';
import { createLossyBus, type LossyBus } from '../../support/lossy-bus.ts';
import { until } from '../../support/until.ts';
import { connectReady, heard, messageFrame, texts } from './clients.ts';
import { chatAsks, type GatewayTest, startGateway } from './support.ts';

const row = (path: string, handle: Route['handle'], more: Partial<Route> = {}): Route => ({
  method: 'POST',
  path,
  summary: '',
  auth: 'user',
  limit: 'none',
  replies: {},
  handle,
  ...more,
});

const routes: Route[] = [
  ...accountRoutes,
  ...supabaseRoutes,
  ...chatRoutes,
  row('/made', async () => ({ status: 201, body: { made: true } }), { headers: ['idempotency-key'] }),
  row('/twice', async (request, { call }) => {
    await call('chats.get', {}, metaOf(request));
    await pause(200);
    await call('chats.get', {}, metaOf(request));
    return { status: 204 };
  }),
];

describe('gateway: services that nobody serves just now', () => {
  const me = newId();
  const chat_id = newId();
  let test: GatewayTest;
  let bus: LossyBus;
  let away: Set<string>;
  let serve: () => void;

  beforeEach(async () => {
    away = new Set();
    const listeners = new Set<() => void>();
    const offers: Offers = {
      has: (action) => !away.has(action),
      onChange(listener) {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
    };
    serve = () => {
      away.clear();
      for (const listener of listeners) listener();
    };
    bus = createLossyBus(createLocalBus());
    // What waits, waits for longer than any of these tests.
    test = await startGateway({ bus, offers, routes, settings: { callTimeout: 60_000 } });
  });
  afterEach(() => test.stop());

  /** From now on, until `serve`. */
  function leave(action: string): void {
    away.add(action);
    test.services[action] = () => {
      if (away.has(action)) throw fail('unavailable', { reason: 'no_service' });
      return {};
    };
  }

  const post = (path: string, headers: Record<string, string> = {}, body?: object) =>
    fetch(test.base + path, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${test.token(me)}`,
        ...(body && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(15_000),
    });
  const count = (action: string) => test.called.filter((call) => call.action === action).length;

  it('keep changes of a chat waiting, and what comes after them in its lane; then all are done in order', async () => {
    const client = await connectReady(test, me);
    leave('chats.update');
    client.send({ id: '1', type: 'chat.update', chat_id, title: 'new' });
    client.send(messageFrame('2', { chat_id }));
    await until('the call', () => test.called.some(({ action }) => action === 'chats.update'));
    await client.request({ id: 'p', type: 'ping' });
    expect(chatAsks(test)).to.deep.equal([]);
    serve();
    await client.reply('2');
    const replies = client.frames.flatMap(({ re, type }) => (re === undefined ? [] : [[re, type]]));
    expect(replies).to.deep.equal([
      ['p', 'ok'],
      ['1', 'ok'],
      ['2', 'ok'],
    ]);
  });

  it('keep no message waiting behind a read, which is refused at once', async () => {
    const client = await connectReady(test, me);
    for (const [action, type] of [
      ['chats.history', 'history'],
      ['chats.get', 'chat.get'],
    ] as const) {
      leave(action);
      client.send({ id: `${type} read`, type, chat_id });
      expect(await client.request(messageFrame(type, { chat_id }))).to.include({ type: 'ok' });
      expect(await client.reply(`${type} read`)).to.include({ code: 'unavailable', reason: 'no_service' });
    }
  });

  it('do not make an older list of watched users stand, nor a newer one that failed', async () => {
    const [anna, bob] = [newId(), newId()];
    const client = await connectReady(test, me);
    const watch = (id: string, user: string) =>
      client.request({ id, type: 'presence.watch', user_ids: [user] });
    const tell = (user_id: string, text: string) =>
      test.bus.publish(subjects.presence(user_id), {
        frame: JSON.stringify({ type: 'presence', user_id, text }),
        droppable: true,
      });
    const held = { letGo: () => {} };
    test.services['users.closed'] = ({ ids }: { ids: string[] }) => {
      if (ids.includes(anna)) return new Promise((resolve) => (held.letGo = () => resolve([])));
      throw fail('unavailable', { reason: 'overloaded' });
    };
    const older = watch('1', anna);
    expect(await watch('2', bob)).to.include({ code: 'unavailable' });
    held.letGo();
    expect((await older).users).to.have.length(1);
    tell(bob, 'not watched');
    tell(anna, 'anna on');
    await heard(client, 'anna on');
    expect(texts(client)).to.deep.equal(['anna on']);
  });

  it('keep nobody but who waits for them from leaving a gateway that drains', async () => {
    const [waits, idle] = [await connectReady(test, newId()), await connectReady(test, newId())];
    leave('chats.create');
    waits.send({ id: '1', type: 'chat.create', chat_type: 'group', title: 'a group' });
    await until('the call', () => test.called.some(({ action }) => action === 'chats.create'));
    const drained = test.gateway.drain(20_000);
    expect((await idle.end()).code).to.equal(1001);
    expect(waits.closed).to.equal(undefined);
    serve();
    expect(await waits.reply('1')).to.include({ type: 'ok' });
    expect((await waits.end()).code).to.equal(1001);
    await drained;
  });

  it('do not withhold the answer of work that is done, where it cannot be kept for a repeat', async () => {
    leave('keys.keep');
    const answer = await post('/made', { 'idempotency-key': 'one' });
    expect(answer.status).to.equal(201);
    expect(count('keys.keep')).to.be.above(0);
    const before = count('keys.keep');
    serve();
    await until('it to be kept', () => count('keys.keep') === before + 1);
  });

  it('do not say of a message that it was not sent, where it can only not be read again', async () => {
    test.actors.answer = (kind) => (kind === 'chat' ? [{ reply: { chat_id, seq: 1 } }] : undefined);
    test.services['chats.message'] = () => {
      throw fail('unavailable', { reason: 'overloaded' });
    };
    const answer = await post(`/api/v1/chats/${chat_id}/messages`, {}, { text: 'sent' });
    expect(chatAsks(test)).to.have.length(1);
    expect(answer.status).to.equal(504);
    expect(await answer.json()).to.include({ code: 'timeout' });
  });

  it('do not keep the recovery after a loss on the bus from trying again by itself', async () => {
    await connectReady(test, me);
    leave('chats.attach');
    const before = count('chats.attach');
    bus.lose('all');
    await until('it to be tried again', () => count('chats.attach') >= before + 3);
  });

  it('are asked within what is left of a request, not each with a budget of its own', async () => {
    expect((await post('/twice')).status).to.equal(204);
    const [first = 0, second = 0] = test.called.flatMap(({ action, meta }) =>
      action === 'chats.get' ? (meta.budget_ms ?? 0) : [],
    );
    expect(first).to.be.within(40_000, 60_000);
    expect(second).to.be.within(first - 15_000, first - 100);
  });

  it('do not renew tokens for a client that has given up on it', async () => {
    const budgets = () =>
      test.called.flatMap(({ action, meta }) => (action === 'users.refresh' ? (meta.budget_ms ?? 0) : []));
    await post('/api/v1/auth/refresh', {}, { refresh_token: 'r' });
    await post('/auth/v1/token?grant_type=refresh_token', {}, { refresh_token: 'r' });
    // The SDK waits for 3 s.
    expect(budgets()).to.deep.equal([2500, 2500]);
    await post('/api/v1/auth/login', {}, { login: 'anna', password: 'a long password' });
    expect(test.called.at(-1)?.meta.budget_ms).to.be.within(40_000, 60_000);
  });
});
