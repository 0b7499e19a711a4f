import { expect } from 'chai';
import fc from 'fast-check';
import { sql } from 'slonik';
import { createSqlChatStore } from '../../../actors/chat/sql-store.ts';
import { type Database, databaseFault, typed } from '../../../ops/connections/postgres.ts';
import type { MessagePosted } from '../../../schemas/chat/events.ts';
import { privateChatId } from '../../../schemas/chat/private-id.ts';
import { newId } from '../../../schemas/ids.ts';
import { ChatDriver, createGroup, createPrivate, text, userOf } from '../../support/chat-driver.ts';
import { connectTo, createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { liveIn, messagesOf, script } from '../../unit/chat/scripts.ts';

describe('the chat store in PostgreSQL', () => {
  let database: TestDatabase;
  let db: Database;

  before(async function () {
    this.timeout(60_000);
    database = await createTestDatabase();
    db = await connectTo(database.url, { statementTimeoutMs: 10_000 });
  });

  after(async () => {
    await db?.end();
    await database?.drop();
  });

  function chatOf(id: string, tail = 100) {
    return new ChatDriver(id, createSqlChatStore(db), (work) => db.transaction(work), tail);
  }

  /** All rows of a chat, as they stand. */
  async function rowsOf(id: string): Promise<unknown> {
    const tables = [
      sql.fragment`chats t where id = ${id}`,
      sql.fragment`chat_members t where chat_id = ${id}`,
      sql.fragment`messages t where chat_id = ${id}`,
      sql.fragment`reactions t where chat_id = ${id}`,
    ];
    return Promise.all(tables.map((from) => db.any(sql.unsafe`select t.* from ${from} order by t::text`)));
  }

  it('knows who of the two of a private chat blocks the other, when it is loaded and when it is told to look', async () => {
    const [ann, bob] = [newId(), newId()];
    const set = (by: string, other: string) =>
      db.query(sql.unsafe`insert into blocks values (${by}, ${other}, now())`);
    const chat = await chatOf(privateChatId(ann, bob)).load();
    await set(ann, bob);
    expect((await chat.ask(bob, createPrivate(bob, ann))).refusal).to.include({ reason: 'blocked' });
    await db.query(sql.unsafe`delete from blocks where user_id = ${ann}`);
    await chat.ask(bob, createPrivate(bob, ann));
    await chat.flush();
    await set(bob, ann);
    expect((await chat.ask(ann, text('not told yet'))).refusal).to.equal(undefined);
    expect((await chat.ask(ann, { type: 'chat.blocks', user_id: bob })).refusal).to.equal(undefined);
    expect((await chat.ask(ann, text('told'))).refusal).to.include({ code: 'forbidden', reason: 'blocked' });
    const loaded = await chatOf(chat.id).load();
    expect([...loaded.state.blockers]).to.deep.equal([bob]);
    expect((await loaded.ask(ann, text('loaded'))).refusal).to.include({ reason: 'blocked' });
  });

  it('a chat that was flushed in pieces, and loaded again at any time, is the chat that lived', async function () {
    this.timeout(120_000);
    await fc.assert(
      fc.asyncProperty(script, fc.constantFrom(1, 4, 100), async (steps, tail) => {
        // Public names are unique: those of the runs before are given back.
        await db.query(sql.unsafe`update chats set username = null`);
        const chat = chatOf(newId(), tail);
        await liveIn(chat, steps);
        await chat.flush();
        const lived = chat.state;
        const stored = await createSqlChatStore(db).load(chat.id, 1000);
        expect(stored.tail.recent.map(({ message }) => message)).to.deep.equal(messagesOf(chat.log));
        for (const field of ['facts', 'head', 'ordinal', 'member_seq'] as const)
          expect(stored[field]).to.deep.equal(lived[field]);
        expect([...stored.members]).to.deep.equal([...lived.members]);
        expect(Object.fromEntries(stored.former)).to.deep.equal(Object.fromEntries(lived.former));
        const again = await createSqlChatStore(db).load(chat.id, tail);
        const forgotten = messagesOf(chat.log)
          .filter(({ seq }) => seq < again.tail.floor)
          .map(({ changed_seq }) => changed_seq);
        expect(again.tail.forgotten).to.equal(Math.max(0, ...forgotten));
      }),
      { numRuns: 40 },
    );
  });

  it('writing events again changes nothing, whole or in part', async function () {
    this.timeout(120_000);
    await fc.assert(
      fc.asyncProperty(script, fc.nat(), fc.nat(), async (steps, one, other) => {
        const chat = chatOf(newId(), 4);
        await liveIn(chat, steps);
        await chat.flush();
        const before = await rowsOf(chat.id);
        const [from, to] = [one % chat.log.length, other % chat.log.length].sort((a, b) => a - b);
        await chat.project(chat.log.slice(from, to));
        await chat.project(chat.log);
        expect(await rowsOf(chat.id)).to.deep.equal(before);
      }),
      { numRuns: 15 },
    );
  });

  it('writes the events of many chats in one batch', async () => {
    const owner = newId();
    const chats = await Promise.all(Array.from({ length: 20 }, () => chatOf(newId()).load()));
    for (const chat of chats) {
      await chat.ask(owner, createGroup(owner, [newId()], `group ${chat.id}`));
      for (let i = 0; i < 5; i++) await chat.ask(owner, text(`${i}`));
    }
    const store = createSqlChatStore(db);
    const events = Array.from({ length: 7 }, (_, index) =>
      chats.flatMap(({ id, log }) => (log[index] ? [{ id, event: log[index] }] : [])),
    ).flat();
    await db.transaction((tx) => store.project(tx, { events, marks: [] }));
    for (const { id, log } of chats) {
      const { facts, head, tail } = await store.load(id, 100);
      expect(facts?.title).to.equal(`group ${id}`);
      expect(head).to.equal(7);
      expect(tail.recent.map(({ message }) => message)).to.deep.equal(messagesOf(log));
    }
  });

  it('keeps a private chat under its pair', async () => {
    const [ann, bob] = [newId(), newId()];
    const chat = await chatOf(privateChatId(ann, bob)).load();
    await chat.ask(ann, createPrivate(ann, bob));
    await chat.ask(bob, text('hi'));
    await chat.flush();
    const row = await db.one(typed<{ user_lo: string; user_hi: string }>()`
      select user_lo, user_hi from chats where id = ${chat.id}`);
    expect([row.user_lo, row.user_hi]).to.deep.equal([ann, bob].sort());
    const { tail } = await createSqlChatStore(db).load(chat.id, 100);
    expect(tail.recent.map(({ message }) => message.receiver_id)).to.deep.equal([bob, ann]);
  });

  it('read marks never move back', async () => {
    const [owner, member] = [newId(), newId()];
    const chat = await chatOf(newId()).load();
    await chat.ask(owner, createGroup(owner, [member]));
    for (let i = 0; i < 5; i++) await chat.ask(owner, text(`${i}`));
    await chat.ask(member, { type: 'read', seq: 6 });
    await chat.flush();
    await chat.project([], [{ user_id: member, read: 3, ordinal: 1 }]);
    await chat.load();
    expect(chat.state.members.get(member)).to.deep.include({ read: 6, read_ordinal: 4 });
  });

  it('more members than a page of reading come back in the order they joined', async () => {
    const owner = newId();
    const chat = await chatOf(newId()).load();
    await chat.ask(owner, createGroup(owner, []));
    const ids = Array.from({ length: 2100 }, () => newId()).reverse();
    await chat.ask(owner, { type: 'member.add', users: ids.map((id) => userOf(id)) });
    await chat.ask(ids[5] as string, { type: 'chat.leave' });
    await chat.flush();
    const { members, former } = await createSqlChatStore(db).load(chat.id, 100);
    expect([...members.keys()]).to.deep.equal([owner, ...ids.toSpliced(5, 1)]);
    expect([...former.keys()]).to.deep.equal([ids[5]]);
  });

  it('a name that changes hands in one batch is written; one that another row still shows is left out', async () => {
    const owner = newId();
    const [first, second] = [await chatOf(newId()).load(), await chatOf(newId()).load()];
    for (const chat of [first, second]) await chat.ask(owner, createGroup(owner, []));
    await first.ask(owner, { type: 'chat.update', username: 'Wanted' });
    await first.flush();
    await second.flush();
    await second.ask(owner, { type: 'chat.update', username: 'wanted' });
    const store = createSqlChatStore(db);
    const name = (id: string) =>
      db.oneFirst(typed<{ username: string | null }>()`select username::text from chats where id = ${id}`);
    await second.flush();
    expect([await name(first.id), await name(second.id)]).to.deep.equal(['Wanted', null]);
    await first.ask(owner, { type: 'chat.update', username: 'other' });
    await second.ask(owner, { type: 'chat.update', username: null });
    await second.ask(owner, { type: 'chat.update', username: 'wanted' });
    const events = [second, first].flatMap(({ id, unflushed }) => unflushed.map((event) => ({ id, event })));
    await db.transaction((tx) => store.project(tx, { events, marks: [] }));
    expect([await name(first.id), await name(second.id)]).to.deep.equal(['other', 'wanted']);
  });

  describe('what PostgreSQL refuses', () => {
    async function poisoned() {
      const owner = newId();
      const chat = await chatOf(newId()).load();
      await chat.ask(owner, createGroup(owner, []));
      await chat.ask(owner, text('good'));
      await chat.flush();
      return { chat, owner };
    }

    it('a message is buried: its seq stays, empty, and the chat goes on', async () => {
      const { chat, owner } = await poisoned();
      const { events } = await chat.ask(owner, text('bad \0 text'));
      const [bad] = events as [MessagePosted];
      const error = await chat.project([bad]).catch((thrown: unknown) => thrown);
      expect(databaseFault(error)).to.equal('poison');
      expect(await chat.bury(bad)).to.equal(true);
      await chat.ask(owner, text('next'));
      await chat.project(chat.log.slice(-1));
      const { head, tail, members, ordinal } = await createSqlChatStore(db).load(chat.id, 100);
      expect([head, ordinal]).to.deep.equal([4, 3]);
      expect(tail.recent.map(({ message }) => [message.seq, message.text])).to.deep.equal([
        [1, ''],
        [2, 'good'],
        [3, ''],
        [4, 'next'],
      ]);
      expect(tail.recent[2]?.message.deleted_at).to.equal(bad.message.created_at);
      expect(members.get(owner)?.read).to.equal(4);
      const found = await createSqlChatStore(db).findByClientId(chat.id, owner, bad.message.client_id ?? '');
      expect(found?.seq).to.equal(3);
    });

    it('a twin of a client_id is buried without it', async () => {
      const { chat, owner } = await poisoned();
      const [first] = chat.log.slice(-1) as [MessagePosted];
      const { events } = await chat.ask(owner, text('twin'));
      const [own] = events as [MessagePosted];
      const twin = { ...own, message: { ...own.message, client_id: first.message.client_id } };
      expect(databaseFault(await chat.project([twin]).catch((thrown: unknown) => thrown))).to.equal('poison');
      expect(await chat.bury(twin)).to.equal(true);
      const { head, tail } = await createSqlChatStore(db).load(chat.id, 100);
      expect(head).to.equal(3);
      expect(tail.recent.at(-1)?.message).to.deep.include({ client_id: null, text: '' });
    });

    it('of a change the message stays as it was, and its changed_seq moves', async () => {
      const { chat, owner } = await poisoned();
      const { events } = await chat.ask(owner, { type: 'message.edit', target: 2, text: 'bad \0' });
      expect(await chat.bury(events[0] as MessagePosted)).to.equal(true);
      const reacted = await chat.ask(owner, { type: 'reaction.set', target: 2, emoji: '\0' });
      expect(await chat.bury(reacted.events[0] as MessagePosted)).to.equal(true);
      const { head, tail } = await createSqlChatStore(db).load(chat.id, 100);
      expect(head).to.equal(4);
      expect(tail.recent.at(-1)?.message).to.deep.include({ text: 'good', changed_seq: 4, reactions: [] });
    });

    it('a buried event stays buried when it is written or buried again', async () => {
      const { chat, owner } = await poisoned();
      const { events } = await chat.ask(owner, text('bad \0 text'));
      const [bad] = events as [MessagePosted];
      await chat.bury(bad);
      const before = await rowsOf(chat.id);
      expect(await chat.bury(bad)).to.equal(true);
      await chat.project([bad]);
      expect(await rowsOf(chat.id)).to.deep.equal(before);
    });

    it('what changes members or the chat itself is not buried: the actor must stand still', async () => {
      const { chat, owner } = await poisoned();
      const before = await rowsOf(chat.id);
      const { events } = await chat.ask(owner, { type: 'chat.update', title: 'bad \0' });
      expect(await chat.bury(events[0] as never)).to.equal(false);
      expect(await rowsOf(chat.id)).to.deep.equal(before);
    });
  });
});
