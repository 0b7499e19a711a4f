import { chatKind } from '../../../actors/chat/kind.ts';
import { createSqlChatStore } from '../../../actors/chat/sql-store.ts';
import { fittingEvents, raiseChats } from '../../../actors/chat/sql-survivors.ts';
import type { Journal } from '../../../actors/journal/journal.ts';
import { type Adopted, adoptShard, type Survivors } from '../../../actors/runtime/adopt.ts';
import type { FlushStore } from '../../../actors/runtime/flush-store.ts';
import { ActorHost } from '../../../actors/runtime/host.ts';
import { anyKind } from '../../../actors/runtime/kind.ts';
import { createPostgresFlushStore } from '../../../actors/runtime/postgres-flush-store.ts';
import { createLocalBus } from '../../../ops/bus/local-bus.ts';
import { type Database, type Transaction, typed } from '../../../ops/connections/postgres.ts';
import { systemClock } from '../../../ops/process/clock.ts';
import { newId } from '../../../schemas/ids.ts';
import { connectTo, createTestDatabase } from '../../support/database.ts';

/** Real chats in one shard, their rows in PostgreSQL, in nodes of this process. */
export interface ChatShard {
  db: Database;
  store: FlushStore<Transaction>;
  logs: string[];
  /** What left on the bus. */
  heard: { subject: string; seq: number; member_seq: number }[];
  start(
    node: string,
    journal: Journal,
    reopenJournal?: () => Promise<Journal>,
    shards?: number,
  ): Promise<ActorHost<Transaction>>;
  stop(host: ActorHost<Transaction>): Promise<void>;
  makeGroup(host: ActorHost<Transaction>): Promise<string>;
  /** Sends to a chat; rejects with the refusal in it. */
  send(host: ActorHost<Transaction>, chat: string, text: string): Promise<number>;
  adopt(journal: Journal, survivors?: Partial<Survivors<Transaction>>): Promise<Adopted | undefined>;
  textsOf(chat: string): Promise<readonly string[]>;
  end(): Promise<void>;
}

export async function createChatShard(): Promise<ChatShard> {
  const database = await createTestDatabase();
  const connect = (maxConnections: number) =>
    connectTo(database.url, { maxConnections, statementTimeoutMs: 10_000 });
  const [db, flusher] = await Promise.all([connect(4), connect(3)]);
  const store = createPostgresFlushStore(flusher);
  const kind = anyKind(chatKind(createSqlChatStore(db)));
  const hosts = new Set<ActorHost<Transaction>>();
  const logs: string[] = [];
  const heard: ChatShard['heard'] = [];
  const ann = { id: newId(), username: 'ann', display_name: 'Ann', avatar: null };
  let numbers = 0;

  async function ask(host: ActorHost<Transaction>, id: string, command: object): Promise<{ seq: number }> {
    const [result] = await host.ask({
      kind: 'chat',
      id,
      commands: [{ ...command, by: ann.id }],
      budgetMs: 5000,
    });
    if (result === undefined || 'refusal' in result) throw new Error(JSON.stringify(result));
    return result.reply as { seq: number };
  }

  return {
    db,
    store,
    logs,
    heard,
    async start(node, journal, reopenJournal, shards = 1) {
      const bus = createLocalBus();
      const { publish } = bus;
      bus.publish = (subject, envelope) => {
        const { seq = 0, member_seq = 0 } = envelope.chat ?? {};
        heard.push({ subject, seq, member_seq });
        publish.call(bus, subject, envelope);
      };
      const host = new ActorHost<Transaction>({
        node,
        shards,
        journal,
        ...(reopenJournal && { reopenJournal }),
        store,
        kinds: [kind],
        bus,
        clock: systemClock,
        observer: {},
        placement: { owner: () => node, isLive: (other) => other === node, askRelease: () => undefined },
        options: {
          flushIntervalMs: 1,
          fenceMs: 50,
          refenceMs: 50,
          // A test that changes the row goes on before it is noticed.
          checkpointLookMs: 60_000,
          quarantineLookMs: 50,
          lanes: 1,
        },
        log: (level, message) => void logs.push(`${level}: ${message}`),
      });
      hosts.add(host);
      await host.start();
      return host;
    },
    async stop(host) {
      hosts.delete(host);
      await host.drain(2000);
    },
    async makeGroup(host) {
      const id = newId();
      const what = { type: 'chat.create', chat_type: 'group', number: ++numbers, title: 'Tea', about: null };
      await ask(host, id, { ...what, users: [ann] });
      return id;
    },
    async send(host, id, text) {
      const fields = { kind: 'text', text, client_id: newId(), reply_to: null };
      return (await ask(host, id, { type: 'message.send', ...fields })).seq;
    },
    adopt: (journal, survivors = {}) =>
      adoptShard(0, {
        node: 'operator',
        shards: 1,
        journal,
        store,
        clock: systemClock,
        survivors: [
          {
            kind,
            fitting: fittingEvents as Survivors<Transaction>['fitting'],
            raise: raiseChats,
            ...survivors,
          },
        ],
      }),
    textsOf: (id) =>
      db.anyFirst(
        typed<{
          text: string;
        }>()`select text from messages where chat_id = ${id} and kind = 'text' order by seq`,
      ),
    async end() {
      await Promise.all([...hosts].map((host) => host.drain(500)));
      await db.end();
      await flusher.end();
      await database.drop();
    },
  };
}
