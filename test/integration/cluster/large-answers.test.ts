import { expect } from 'chai';
import { createActors } from '../../../actors/client/actors.ts';
import type { Actors } from '../../../actors/client/ask.ts';
import { createShardMap } from '../../../actors/client/placement.ts';
import { actorActions, actorsService } from '../../../actors/runtime/host.service.ts';
import { askMembership } from '../../../gateway/fanout/membership.ts';
import { type Broker, createBroker, createNodeCall, defineService } from '../../../ops/broker/broker.ts';
import { systemClock as clock } from '../../../ops/process/clock.ts';
import { createLogger } from '../../../ops/telemetry/logger.ts';
import { SuhbatError } from '../../../schemas/errors.ts';
import { newId } from '../../../schemas/ids.ts';
import { limits } from '../../../schemas/limits.ts';
import type { Tokens } from '../../../schemas/rest/accounts.ts';
import { createGroup, memoryChat } from '../../support/chat-driver.ts';
import { eventually } from '../../support/eventually.ts';
import { startNats, type TestServer } from '../../support/servers.ts';
import { rest } from '../product/support/rest.ts';
import { freshAddress, freshName, freshPassword } from '../product/support/secrets.ts';
import { openSocket, type Socket } from '../product/support/socket.ts';
import { startTwoGateways, type TwoGateways } from './support.ts';

/** What NATS takes, unless it is told otherwise. */
const mebibyte = 1024 * 1024;
/** As long as JSON makes a text: six bytes for a letter. */
const longText = '\u0001'.repeat(limits.messageText);

describe('answers of actors that are longer than NATS takes', () => {
  const secret = 'what somebody said';
  const lines: string[] = [];
  /** Ids in each peek that came to the owner. */
  const peeks: number[] = [];
  const replies = new Map<string, unknown>();
  let nats: TestServer;
  let asker: Broker;
  let owner: Broker;
  let actors: Actors;
  let answer: (commands: { by: string }[]) => Promise<unknown[]> = async () => [];

  before(async () => {
    nats = await startNats();
    const logger = createLogger('error', { write: (line: string) => lines.push(line) } as never);
    [asker, owner] = ['asker', 'owner'].map((nodeId) =>
      createBroker({ nodeId, logger, requestTimeoutMs: 5000, natsUrl: nats.url }),
    ) as [Broker, Broker];
    const host = {
      ask: ({ commands }: { commands: { by: string }[] }) => answer(commands),
      async peek({ id }: { id: string }) {
        const reply = replies.get(id);
        return reply === undefined ? undefined : { reply };
      },
    } as never;
    const { 'actors.peek': peek, ...others } = actorActions(host);
    const counted: typeof peek = (params, meta) => {
      peeks.push(params.ids.length);
      return peek(params, meta);
    };
    const long = () => secret.repeat(mebibyte / 10);
    owner.createService(actorsService(host));
    owner.createService(defineService('far', { long }));
    owner.joined?.serve({ ...others, 'actors.peek': counted, 'far.long': long });
    await Promise.all([asker.start(), owner.start()]);
    actors = createActors({
      callNode: createNodeCall(asker),
      map: createShardMap(1, ['owner']),
      shards: 1,
      clock,
      random: Math.random,
      budgetMs: 5000,
      observe() {},
    });
    replies.set('warm', 'up');
    await eventually(async () => {
      const result = (await actors.peek('chat', ['warm'], {}, { budgetMs: 300 })).get('warm');
      return result !== undefined && 'reply' in result;
    });
  });
  beforeEach(() => {
    replies.clear();
    peeks.length = 0;
  });
  after(async () => {
    await Promise.all([asker?.stop(), owner?.stop()]);
    await nats?.stop();
  });

  it('come in parts: a peek has the result of every actor, hot and cold', async () => {
    const ids = Array.from({ length: 1200 }, (_, at) => `c-${at}`);
    for (const [at, id] of ids.entries())
      if (at % 10 > 0) replies.set(id, `${id} ${longText.slice(0, 1000)}`);
    const found = await actors.peek('chat', ids, {});
    for (const id of ids) {
      const reply = replies.get(id);
      expect(found.get(id)).to.deep.equal(reply === undefined ? undefined : { reply });
    }
    expect(
      [...replies.values()].reduce<number>((sum, one) => sum + JSON.stringify(one).length, 0),
    ).to.be.above(6 * mebibyte);
    expect(peeks.length).to.be.within(13, 20);
    expect(Math.max(...peeks)).to.be.at.most(500);
  });

  it('come one by one where two do not fit together', async () => {
    const ids = ['c-1', 'c-2', 'c-3'];
    for (const id of ids) replies.set(id, 'x'.repeat(900_000));
    const found = await actors.peek('chat', ids, {});
    for (const id of ids) expect(found.get(id)).to.deep.equal({ reply: replies.get(id) });
    expect(peeks).to.deep.equal([3, 2, 1]);
  });

  it('are one question where they fit', async () => {
    const ids = Array.from({ length: 400 }, (_, at) => `c-${at}`);
    for (const id of ids) replies.set(id, 'short');
    await actors.peek('chat', ids, {});
    expect(peeks).to.deep.equal([400]);
  });

  it('end, where they are one result, as a fault in the log that says how long it was, and not what', async () => {
    lines.length = 0;
    const ask = createNodeCall(asker, undefined, ['far.long']);
    const error = await ask('owner', 'far.long', {}, { request_id: 'r-long' }).catch((thrown) => thrown);
    expect(error).to.be.instanceOf(SuhbatError).and.to.have.property('code', 'internal');
    expect(lines).to.have.length(1);
    expect(JSON.parse(lines[0] ?? '{}')).to.deep.include({ request_id: 'r-long', where: 'far.long' });
    expect(lines[0]).to.match(/an answer of \d{7} bytes cannot be sent/);
    expect(lines[0]).to.not.include(secret);
  });

  it('leave nobody unsure who is a member: that answer does not grow with what was said last', async () => {
    const { driver: chat } = memoryChat();
    await chat.load();
    const by = newId();
    const members = Array.from({ length: 199 }, () => newId());
    await chat.ask(by, createGroup(by, members));
    await chat.ask(by, { type: 'message.send', client_id: newId(), kind: 'text', text: longText });
    answer = (commands) =>
      Promise.all(
        commands.map(async ({ by: user, ...command }) => {
          const { reply, refusal } = await chat.ask(user, command as never);
          return refusal === undefined ? { reply } : { refusal };
        }),
      );
    const stranger = newId();
    const known = await askMembership(actors, clock, chat.id, [...members, stranger]);
    for (const id of members) expect(known.get(id)).to.deep.equal({ member: true, member_seq: 200 });
    expect(known.get(stranger)).to.deep.equal({ member: false, member_seq: 0 });
  });
});

describe('somebody in many groups, each with a long last message', function () {
  this.timeout(120_000);

  const groups = 60;
  let gateways: TwoGateways;
  let ann: { id: string; token: string };
  let bob: { id: string; token: string };

  before(async () => {
    gateways = await startTwoGateways({ counts: { actors: 1, services: 1 }, env: {} });
    [ann, bob] = await Promise.all([newUser(), newUser()]);
  });
  after(() => gateways?.stop());

  async function newUser(): Promise<{ id: string; token: string }> {
    const body = { username: freshName(), password: freshPassword(), email: freshAddress(), first_name: 'A' };
    const { body: tokens } = await rest<Tokens>('POST', '/api/v1/auth/register', {
      url: gateways.here,
      body,
    });
    return { id: tokens.user.id, token: tokens.access_token };
  }

  async function ready({ token }: { token: string }): Promise<Socket> {
    const socket = await openSocket(gateways.there, { token });
    await socket.event('ready');
    return socket;
  }

  it('is attached, syncs, lists and hears', async () => {
    const socket = await ready(ann);
    const ids: string[] = [];
    for (let made = 0; made < groups; made++) {
      const { chat } = await socket.request('chat.create', {
        chat_type: 'group',
        title: `Group ${made}`,
        member_ids: [bob.id],
      });
      const message = { client_id: newId(), kind: 'text', text: longText } as const;
      await socket.request('message.send', { chat_id: chat.id, ...message });
      ids.push(chat.id);
    }
    const other = await ready(bob);
    const seen = new Map<string, number>();
    for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
      const page = await other.request('sync', { chats: {}, ...(cursor !== undefined && { cursor }) });
      for (const { chat, last_message } of page.chats) seen.set(chat.id, last_message?.text.length ?? 0);
      cursor = page.next_cursor;
    }
    expect([...seen.keys()]).to.have.members(ids);
    expect(new Set(seen.values())).to.deep.equal(new Set([limits.messageText]));

    const listed: string[] = [];
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const query: string = cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const { status, body } = await rest<{ items: { chat: { id: string } }[]; next_cursor: string | null }>(
        'GET',
        `/api/v1/chats?limit=100${query}`,
        { url: gateways.here, token: bob.token },
      );
      expect(status).to.equal(200);
      listed.push(...body.items.map(({ chat }) => chat.id));
      cursor = body.next_cursor;
    }
    expect(listed).to.deep.equal([...ids].reverse());

    const chat_id = ids[0] ?? '';
    await socket.request('message.send', { chat_id, client_id: newId(), kind: 'text', text: 'heard?' });
    await other.until('the message', () =>
      other.frames.some((frame) => JSON.stringify(frame).includes('heard?')),
    );
  });
});
