import { expect } from 'chai';
import { chatKind } from '../../../actors/chat/kind.ts';
import { createSqlChatStore } from '../../../actors/chat/sql-store.ts';
import type { Result } from '../../../actors/client/ask.ts';
import { shardOf } from '../../../actors/client/shard-of.ts';
import { ActorHost } from '../../../actors/runtime/host.ts';
import { anyKind } from '../../../actors/runtime/kind.ts';
import type { RuntimeOptions } from '../../../actors/runtime/options.ts';
import { createPostgresFlushStore } from '../../../actors/runtime/postgres-flush-store.ts';
import { createLocalBus } from '../../../ops/bus/local-bus.ts';
import {
  connectPostgres,
  type Database,
  type Transaction,
  typed,
} from '../../../ops/connections/postgres.ts';
import { systemClock } from '../../../ops/process/clock.ts';
import { newId } from '../../../schemas/ids.ts';
import { insertUser } from '../../../services/users/users.store.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { eventually } from '../../support/eventually.ts';
import { codeOf, seqOf } from '../../support/runtime-harness.ts';
import { startNats, type TestServer } from '../../support/servers.ts';
import { type JournalNode, openNode, operate } from './support.ts';

const shards = 2;
const stream = 'journal';

interface Host {
  name: string;
  host: ActorHost<Transaction>;
  journal: JournalNode;
  /** What this node believes: who should have the shards, and who is live. */
  view: { owner: string; live: string[] };
  /** One command to the chat's actor on this node. */
  ask(chat: string, command: object): Promise<Result>;
}

describe('actors over JetStream and PostgreSQL', () => {
  let server: TestServer;
  let database: TestDatabase;
  let db: Database;
  const hosts = new Map<string, Host>();
  const ends: (() => Promise<unknown>)[] = [];

  beforeEach(async () => {
    server = await startNats();
    database = await createTestDatabase();
    db = await connect();
  });
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
    hosts.clear();
    await database.drop();
    await server.stop();
  });

  async function connect(): Promise<Database> {
    const onError = () => {};
    const bounds = { maxConnections: 4, statementTimeoutMs: 5000 };
    const pool = await connectPostgres({ url: database.url, applicationName: 'test', ...bounds, onError });
    ends.push(() => pool.end());
    return pool;
  }

  async function start(
    name: string,
    view: Host['view'],
    options: Partial<RuntimeOptions> = {},
  ): Promise<Host> {
    const journal = await openNode(server, stream);
    ends.push(() => journal.close());
    const pool = await connect();
    const host = new ActorHost<Transaction>({
      node: name,
      shards,
      journal: journal.journal,
      store: createPostgresFlushStore(await connect()),
      kinds: [anyKind(chatKind(createSqlChatStore(pool)))],
      bus: createLocalBus(),
      clock: systemClock,
      observer: {},
      placement: {
        owner: () => view.owner,
        isLive: (other) => view.live.includes(other),
        askRelease: (other, shard) => void hosts.get(other)?.host.release(shard),
      },
      options: { flushIntervalMs: 20, refenceMs: 500, ...options },
      log() {},
    });
    const started: Host = {
      name,
      host,
      journal,
      view,
      async ask(id, command) {
        const [result] = await host.ask({ kind: 'chat', id, commands: [command], budgetMs: 5000 });
        return result as Result;
      },
    };
    hosts.set(name, started);
    ends.push(() => host.drain(2000));
    await host.start();
    return started;
  }

  async function aUser() {
    const id = newId();
    const username = `u${id.slice(-12)}`;
    const names = { username, password_hash: 'none', first_name: null, last_name: null };
    await insertUser(db, { id, pending_email: `${username}@example.com`, ...names }, systemClock.now());
    return { id, username, display_name: username, avatar: null };
  }

  /** A group of one, made by this node; the numbers go round the shards. */
  async function aGroup(node: Host, number: number) {
    const user = await aUser();
    let chat = newId();
    while (shardOf('chat', chat, shards) !== number % shards) chat = newId();
    const facts = { chat_type: 'group', number, title: 'Group', about: null, users: [user] };
    const made = await node.ask(chat, { type: 'chat.create', by: user.id, ...facts });
    expect(codeOf(made)).to.equal(undefined);
    return { chat, by: user.id };
  }

  const send = (by: string, text: string, client_id = newId()) => {
    return { type: 'message.send', by, client_id, kind: 'text', text };
  };

  function stored(chat: string) {
    return db.any(
      typed<{ seq: number; text: string }>()`
        select seq, text from messages where chat_id = ${chat} and kind = 'text' order by seq`,
    );
  }

  /** Sends one message after the other, each to whoever takes it, until `enough`; what was acked, by seq. */
  async function write(chat: string, by: string, enough: (acked: number) => boolean) {
    const acked: { seq: number; text: string }[] = [];
    for (let n = 0; !enough(acked.length); n++) {
      const command = send(by, `message ${n}`);
      let seq: number | undefined;
      await eventually(async () => {
        for (const { ask } of hosts.values()) {
          seq = seqOf(await ask(chat, command));
          if (seq !== undefined) return true;
        }
        return false;
      });
      acked.push({ seq: seq as number, text: command.text });
    }
    return acked;
  }

  it('pass from node to node under load: all that was acked is stored once, in order, without a gap', async () => {
    const one = await start('n1', { owner: 'n1', live: ['n1', 'n2'] });
    const two = await start('n2', { owner: 'n1', live: ['n1', 'n2'] });
    const chats = [await aGroup(one, 1), await aGroup(one, 2), await aGroup(one, 3)];
    let moves = 0;
    const writers = chats.map(({ chat, by }) => write(chat, by, (acked) => moves === 3 && acked >= 40));
    for (const owner of ['n2', 'n1', 'n2']) {
      for (const { view } of [one, two]) view.owner = owner;
      await eventually(() => hosts.get(owner)?.host.stats().shards.serving === shards);
      moves++;
    }
    const acked = await Promise.all(writers);
    for (const [index, { chat }] of chats.entries()) {
      const list = acked[index] ?? [];
      const first = list[0]?.seq ?? 0;
      expect(list.map(({ seq }) => seq)).to.deep.equal(list.map((_, n) => first + n));
      await eventually(async () => (await stored(chat)).length >= list.length);
      expect(await stored(chat)).to.deep.equal(list);
    }
  });

  it('of a node that another has claimed over: its writes and reads are refused, and what it had acked is stored', async () => {
    // It flushes nothing for long, and goes on believing that all is its own.
    const slow = { flushIntervalMs: 60_000, refenceMs: 60_000 };
    const first = await start('n1', { owner: 'n1', live: ['n1'] });
    const written = await aGroup(first, 1);
    const read = await aGroup(first, 2);
    await first.host.drain(2000);
    const old = await start('n2', { owner: 'n2', live: ['n2'] }, slow);
    const acked = [1, 2, 3].map((n) => ({ seq: 0, text: `acked ${n}` }));
    for (const one of acked)
      one.seq = seqOf(await old.ask(written.chat, send(written.by, one.text))) as number;
    const history = { type: 'history', by: read.by, limit: 10 };
    expect(codeOf(await old.ask(read.chat, history))).to.equal(undefined);
    expect(await stored(written.chat), 'not flushed yet').to.deep.equal([]);

    const next = await start('n3', { owner: 'n3', live: ['n3'] });
    await eventually(() => next.host.stats().shards.serving === shards);
    expect(old.host.stats().shards).to.include({ serving: shards, fenced: 0 });
    const grave = send(written.by, 'from the grave');
    expect(codeOf(await old.ask(written.chat, grave))).to.equal('actor_moved');
    expect(codeOf(await old.ask(read.chat, history))).to.equal('actor_moved');
    expect(old.host.stats().shards).to.include({ fenced: shards });

    const head = acked.at(-1)?.seq ?? 0;
    expect(seqOf(await next.ask(written.chat, send(written.by, 'after')))).to.equal(head + 1);
    await eventually(async () => (await stored(written.chat)).length === 4);
    expect(await stored(written.chat)).to.deep.equal([...acked, { seq: head + 1, text: 'after' }]);
  });

  it('lose nothing acked when NATS is killed under load, and go on when it is back', async () => {
    const node = await start('n1', { owner: 'n1', live: ['n1'] });
    const { chat, by } = await aGroup(node, 1);
    let back = false;
    let count = 0;
    const writer = write(chat, by, (acked) => {
      count = acked;
      return back && acked >= 100;
    });
    await eventually(() => count >= 30);
    await server.kill();
    await server.start();
    back = true;
    const acked = await writer;
    await eventually(async () => (await stored(chat)).length >= acked.length);
    expect(await stored(chat)).to.deep.equal(acked);
    expect(node.host.stats().shards).to.include({ serving: shards, quarantined: 0 });
  });

  it('wait for an operator when the stream is deleted, with all that was acked stored', async function () {
    this.timeout(60_000);
    const node = await start('n1', { owner: 'n1', live: ['n1'] }, { flushIntervalMs: 10_000 });
    const { chat, by } = await aGroup(node, 1);
    const acked = [1, 2, 3].map((n) => ({ seq: 0, text: `acked ${n}` }));
    for (const one of acked) one.seq = seqOf(await node.ask(chat, send(by, one.text))) as number;
    expect(await stored(chat), 'not flushed yet').to.deep.equal([]);
    await operate(node.journal, `STREAM.DELETE.${stream}`);
    expect(codeOf(await node.ask(chat, send(by, 'lost')))).to.equal('unavailable');
    await eventually(() => (node.host.stats().shards.quarantined ?? 0) > 0, 30_000);
    await eventually(async () => (await stored(chat)).length > 0, 30_000);
    expect(await stored(chat)).to.deep.equal(acked);
    expect(codeOf(await node.ask(chat, send(by, 'later')))).to.equal('unavailable');
  });
});
