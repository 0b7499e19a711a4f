import { expect } from 'chai';
import { sql } from 'slonik';
import { raiseChats } from '../../../actors/chat/sql-survivors.ts';
import type { JournalRecord } from '../../../actors/journal/journal.ts';
import { createMemoryJournal, type MemoryJournal } from '../../../actors/journal/memory-journal.ts';
import { NotAlone, type Survivors } from '../../../actors/runtime/adopt.ts';
import { examineShard } from '../../../actors/runtime/examine.ts';
import type { FlushStore } from '../../../actors/runtime/flush-store.ts';
import type { ActorHost } from '../../../actors/runtime/host.ts';
import { decodeRecord, encodeRecord } from '../../../actors/runtime/record.ts';
import { type Database, type Transaction, typed } from '../../../ops/connections/postgres.ts';
import { newId } from '../../../schemas/ids.ts';
import { subjects } from '../../../schemas/subjects.ts';
import { eventually } from '../../support/eventually.ts';
import { type ChatShard, createChatShard } from './chat-shard.ts';

/** Real chats in one shard, their rows in PostgreSQL and their journal in memory, where it can lose things. */
describe('a shard that is adopted', () => {
  const million = 1_000_000;
  let world: ChatShard;
  let db: Database;
  let store: FlushStore<Transaction>;
  let journal: MemoryJournal;

  beforeEach(async function () {
    this.timeout(60_000);
    world = await createChatShard();
    ({ db, store } = world);
    journal = createMemoryJournal({ id: newId(), exclusive: false });
  });

  afterEach(() => world.end());

  const startHost = (node: string) => world.start(node, journal.attach());
  const stop = (host: ActorHost<Transaction>) => world.stop(host);
  const makeGroup = (host: ActorHost<Transaction>) => world.makeGroup(host);
  const send = (host: ActorHost<Transaction>, id: string, text: string) => world.send(host, id, text);
  const adopt = (survivors?: Partial<Survivors<Transaction>>) => world.adopt(journal, survivors);
  const textsOf = (id: string) => world.textsOf(id);
  const examine = () => examineShard(0, { journal, store: store as FlushStore, pageSize: 16 });
  const headOf = (id: string) =>
    db.oneFirst(typed<{ head_seq: number }>()`select head_seq from chats where id = ${id}`);
  /** Takes the records out that hold an event with this text. */
  const lose = (text: string) => {
    const records = journal.records(0) as JournalRecord[];
    const at = records.findIndex(({ payload }) => payload.includes(`"text":"${text}"`));
    expect(at).to.be.greaterThan(0);
    records.splice(at, 1);
  };

  /** A chat with messages in three records, PostgreSQL restored to the first of them, the second one lost. */
  async function withHole(): Promise<string> {
    const host = await startHost('one');
    const id = await makeGroup(host);
    await send(host, id, 'first');
    await eventually(() => host.stats().unflushedEvents === 0);
    const row = await store.checkpoint(0);
    await send(host, id, 'second');
    await send(host, id, 'third');
    await stop(host);
    lose('second');
    await db.query(sql.unsafe`delete from messages where chat_id = ${id} and text in ('second', 'third')`);
    await db.query(sql.unsafe`update chats set head_seq = 2, messages_count = 1 where id = ${id}`);
    await db.query(sql.unsafe`update shard_checkpoints set position = ${row?.position ?? 0}`);
    return id;
  }

  it('gets what the journal still holds over its hole, and its chats go on far above their heads', async () => {
    const id = await withHole();
    expect((await examine()).broken).to.be.a('string');
    expect(await adopt()).to.deep.equal({ replayed: 1, buried: 0, unreadable: 0, raised: 1 });
    expect(await textsOf(id)).to.deep.equal(['first', 'third']);
    expect((await examine()).broken).to.equal(undefined);
    world.heard.length = 0;
    const host = await startHost('two');
    expect(await send(host, id, 'fourth')).to.equal(4 + million + 1);
    const told = world.heard.filter(({ subject }) => subject === subjects.chat(id)).map(({ seq }) => seq);
    expect(told, 'the jump is told first').to.deep.equal([4 + million, 4 + million + 1]);
  });

  it('says that other people may be in its chats, so that gateways ask', async () => {
    const id = await withHole();
    await adopt();
    world.heard.length = 0;
    const host = await startHost('two');
    await send(host, id, 'fourth');
    const subject = subjects.chat(id);
    const [raised, fourth] = world.heard.filter((one) => one.subject === subject);
    expect(raised).to.deep.equal({ subject, seq: 4 + million, member_seq: 4 + million });
    expect(fourth).to.include({ member_seq: 4 + million });
    const stored = typed<{ member_seq: number }>()`select member_seq from chats where id = ${id}`;
    await eventually(async () => (await db.oneFirst(stored)) === 4 + million);
  });

  it('is taken up by a running node, which says so', async () => {
    const id = await withHole();
    const host = await startHost('two');
    await eventually(() => host.stats().shards.quarantined === 1);
    await adopt();
    await eventually(() => host.stats().shards.serving === 1);
    expect(await send(host, id, 'fourth')).to.equal(4 + million + 1);
    expect(world.logs.filter((line) => line.includes('leaves quarantine'))).to.have.length(1);
  });

  it('that is whole is left alone, a second time too', async () => {
    const host = await startHost('one');
    const id = await makeGroup(host);
    await eventually(() => host.stats().unflushedEvents === 0);
    expect(await adopt()).to.equal(undefined);
    expect(await send(host, id, 'on and on')).to.equal(2);
    await stop(host);
    await db.query(sql.unsafe`update shard_checkpoints set journal_id = 'another'`);
    expect(await adopt()).to.include({ raised: 1 });
    const before = [await store.checkpoint(0), journal.records(0).length];
    expect(await adopt()).to.equal(undefined);
    expect([await store.checkpoint(0), journal.records(0).length]).to.deep.equal(before);
  });

  it('and whose adoption is killed in the middle is broken as before, and can be adopted again', async () => {
    const id = await withHole();
    const row = await store.checkpoint(0);
    await adopt({
      async *raise(tx, mine, now) {
        yield* raiseChats(tx, mine, now);
        throw new Error('killed');
      },
    }).then(
      () => expect.fail('it was not killed'),
      (error: Error) => expect(error.message).to.equal('killed'),
    );
    expect(await store.checkpoint(0)).to.deep.equal(row);
    expect(await headOf(id)).to.equal(2);
    expect((await examine()).broken).to.be.a('string');
    const refused = await startHost('two');
    await eventually(() => refused.stats().shards.quarantined === 1);
    await stop(refused);
    await adopt();
    const host = await startHost('three');
    expect(await textsOf(id)).to.deep.equal(['first', 'third']);
    expect(await send(host, id, 'fourth')).to.be.greaterThan(4 + million);
  });

  it('keeps what cannot be written, because its chat was lost, for repair', async () => {
    const host = await startHost('one');
    await makeGroup(host);
    const row = await store.checkpoint(0);
    const id = await makeGroup(host);
    await send(host, id, 'alone');
    await stop(host);
    const records = journal.records(0) as JournalRecord[];
    const made = records.findIndex(({ payload }) =>
      decodeRecord(payload).events.some(([, chat]) => chat === id),
    );
    records.splice(made, 1);
    for (const table of ['messages', 'chat_members'])
      await db.query(sql.unsafe`delete from ${sql.identifier([table])} where chat_id = ${id}`);
    await db.query(sql.unsafe`delete from chats where id = ${id}`);
    await db.query(sql.unsafe`update shard_checkpoints set position = ${row?.position ?? 0}`);
    expect(await adopt()).to.include({ buried: 1, raised: 1 });
    expect(await textsOf(id)).to.deep.equal([]);
    const letters = await db.any(
      typed<object>()`select kind, actor_id, event->'message'->>'text' as text, freezes from dead_letters`,
    );
    expect(letters).to.deep.equal([{ kind: 'chat', actor_id: id, text: 'alone', freezes: false }]);
  });

  it('is fenced from its live owner, whose memory cannot be written any more', async () => {
    const host = await startHost('one');
    const id = await makeGroup(host);
    await eventually(() => host.stats().unflushedEvents === 0);
    await db.query(sql.unsafe`update shard_checkpoints set journal_id = 'another'`);
    await adopt();
    const late = await send(host, id, 'late').catch(String);
    expect(late).to.match(/actor_moved|unavailable/);
    await eventually(() => host.stats().shards.serving === 1);
    expect(await send(host, id, 'anew')).to.equal(1 + million + 1);
  });

  it('is not adopted while somebody else writes to its journal', async () => {
    const id = await withHole();
    const error = await adopt({
      async *raise(tx, mine, now) {
        const expected = (await journal.newest(0))?.position ?? 0;
        const payload = encodeRecord({ type: 'claim', epoch: 99, previous: expected, node: 'another' });
        await journal.append({ shard: 0, messageId: 'another', expected, payload });
        yield* raiseChats(tx, mine, now);
      },
    }).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(NotAlone);
    expect(await headOf(id)).to.equal(2);
  });

  it('is not adopted while somebody else moves its checkpoint', async () => {
    await withHole();
    const { transaction } = store;
    store.transaction = async (lane, work) => {
      await db.query(sql.unsafe`update shard_checkpoints set epoch = 77`);
      return transaction(lane, work);
    };
    expect(await adopt().catch((thrown: unknown) => thrown)).to.be.instanceOf(NotAlone);
  });
});
