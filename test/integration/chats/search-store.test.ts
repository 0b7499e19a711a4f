import { expect } from 'chai';
import fc from 'fast-check';
import { type Database, typed } from '../../../ops/connections/postgres.ts';
import { withClient } from '../../../ops/connections/postgres-client.ts';
import { type FoundPage, findMessages, type Position } from '../../../services/chats/find-messages.ts';
import { lookUp, type Place, type Wanted, walk } from '../../../services/chats/message-search.store.ts';
import { wordsOf } from '../../../services/chats/search-words.ts';
import { connectTo, createTestDatabase, type TestDatabase } from '../../support/database.ts';

interface Said extends Place {
  sender_id: string;
  text: string;
}

const start = Date.parse('2026-01-01T00:00:00.000Z');
const idOf = (kind: number, n: number) => `00000000-0000-7000-800${kind}-${n.toString(16).padStart(12, '0')}`;
const user = idOf(1, 1);

/**
 * More chats than one walk reads, and more long ones than it looks deep into. Many messages share a millisecond, seqs
 * have gaps, every seventh chat is of others, and another seventh the user has left.
 */
function world(): { said: Said[]; own: Set<string>; left: Set<string> } {
  const said: Said[] = [];
  const own = new Set<string>();
  const left = new Set<string>();
  for (let chat = 0; chat < 640; chat++) {
    const chat_id = idOf(0, (chat * 7919) % 640);
    if (chat % 7 === 4) left.add(chat_id);
    else if (chat % 7 !== 3) own.add(chat_id);
    const count = chat % 100 === 50 ? 700 : chat % 16 === 5 ? 150 : 1 + (chat % 5);
    for (let n = 0, seq = 0; n < count; n++) {
      seq += 1 + ((chat + n) % 3);
      const at = start + Math.floor((chat * 31 + n * (chat % 4)) / 40);
      const text = `gap ${(chat + n) % 3 === 0 ? 'salom' : 'xayr'} ${(chat * n) % 97 === 5 ? 'nodir' : ''}`;
      said.push({ at, chat_id, seq, sender_id: idOf(1, 1 + (n % 3)), text });
    }
  }
  return { said, own, left };
}

describe('search of messages: what is read', function () {
  this.timeout(60_000);
  const { said, own, left } = world();
  let database: TestDatabase;
  let db: Database;

  before(async () => {
    database = await createTestDatabase();
    const { url } = database;
    await withClient({ url, applicationName: 'search test' }, async (client) => {
      const rows = said.map(({ at, ...row }) => ({ ...row, created_at: new Date(at).toISOString() }));
      await client.query(
        `insert into messages (chat_id, seq, sender_id, kind, text, ordinal, created_at, changed_seq)
         select chat_id, seq, sender_id, 'text', text, seq, created_at, seq from json_populate_recordset(null::messages, $1)`,
        [JSON.stringify(rows)],
      );
      await client.query(
        `insert into chat_members (chat_id, user_id, role, joined_seq, left_seq)
         select id, $3::uuid, 'member', 1, null from unnest($1::uuid[]) id
         union all select id, $3::uuid, 'member', 1, 2 from unnest($2::uuid[]) id
         union all select id, $4::uuid, 'member', 1, null from unnest($2::uuid[]) id`,
        [[...own], [...left], user, idOf(1, 2)],
      );
      await client.query('analyze');
    });
    db = await connectTo(url, { maxConnections: 2, statementTimeoutMs: 20_000 });
  });
  after(async () => {
    await db?.end();
    await database?.drop();
  });

  const newestFirst = (one: Said, other: Said) =>
    other.at - one.at ||
    (one.chat_id < other.chat_id ? 1 : -1) * Number(one.chat_id !== other.chat_id) ||
    other.seq - one.seq;
  const names = (places: readonly Place[]) => places.map(({ at, chat_id, seq }) => `${at} ${chat_id} ${seq}`);

  function expected(query: string, { chat_id, sender_id, from, to }: Partial<Wanted>): string[] {
    const fits = said.filter(
      (message) =>
        own.has(message.chat_id) &&
        query.split(' ').every((word) => message.text.includes(word)) &&
        (chat_id ?? message.chat_id) === message.chat_id &&
        (sender_id ?? message.sender_id) === message.sender_id &&
        message.at >= (from ?? 0) &&
        message.at <= (to ?? Number.MAX_SAFE_INTEGER),
    );
    return names(fits.sort(newestFirst));
  }

  const at = fc.integer({ min: start, max: start + 520 });
  const chat_id = fc.integer({ min: 0, max: 640 }).map((n) => idOf(0, n));
  const sender_id = fc.integer({ min: 1, max: 4 }).map((n) => idOf(1, n));
  /** Mostly none: of several at once there is seldom a message. */
  const filters: fc.Arbitrary<Partial<Wanted>> = fc.oneof(
    { weight: 4, arbitrary: fc.constant({}) },
    fc.record({ chat_id }),
    fc.record({ sender_id }),
    fc.record({ sender_id, to: at }),
    fc.tuple(at, at).map(([one, other]) => ({ from: Math.min(one, other), to: Math.max(one, other) })),
  );
  const queries = fc.constantFrom('salom', 'nodir', 'salom nodir', 'ga');

  it('walks leave nothing out and give nothing twice, wherever they stop', async () => {
    await fc.assert(
      fc.asyncProperty(
        queries,
        filters,
        fc.constantFrom(1, 7, 40, 300, 3000),
        fc.constantFrom(3, 20, 100),
        async (query, more, budget, limit) => {
          const wanted = { user_id: user, words: wordsOf(query), limit, ...more };
          // Small steps over all of the messages would take a thousand pages: a part of them will do.
          const most = 40;
          const found: Place[] = [];
          let next: Place | undefined;
          for (let page = 0; page < most; page++) {
            const before: Place | undefined = next;
            const walked: { places: Place[]; next?: Place } = await walk(
              db,
              { ...wanted, ...(before && { before }) },
              budget,
            );
            expect(walked.places.length).to.be.at.most(limit);
            found.push(...walked.places);
            next = walked.next;
            if (next === undefined) break;
            if (before !== undefined) expect(names([next])).to.not.deep.equal(names([before]));
          }
          const all = expected(query, more);
          const edge = next === undefined ? undefined : { ...next, sender_id: '', text: '' };
          const sofar = edge === undefined ? all : all.filter((name) => !isOlder(name, edge));
          expect(names(found)).to.deep.equal(sofar);
        },
      ),
      { seed: 7, numRuns: 20 },
    );
  });

  it('the index finds what walks find', async () => {
    await fc.assert(
      fc.asyncProperty(queries, filters, fc.constantFrom(20, 100), async (query, more, limit) => {
        const wanted = { user_id: user, words: wordsOf(query), limit, ...more };
        const first = await lookUp(db, wanted, 10_000);
        const all = expected(query, more);
        expect(names(first?.places ?? [])).to.deep.equal(all.slice(0, limit));
        expect(first?.next === undefined).to.equal(all.length <= limit);
        const before = first?.next;
        if (before === undefined) return;
        const second = await lookUp(db, { ...wanted, before }, 10_000);
        expect(names(second?.places ?? [])).to.deep.equal(all.slice(limit, 2 * limit));
      }),
      { seed: 7, numRuns: 30 },
    );
  });

  /** The database, but for its transactions: in these a statement takes a second more. */
  const slow = (): Database => ({
    ...db,
    transaction: (work) =>
      db.transaction((tx) =>
        work({
          ...tx,
          async any(query) {
            await tx.any(typed<object>()`select pg_sleep(1)`);
            return tx.any(query);
          },
        }),
      ),
  });

  for (const [how, on] of [
    ['the index was asked', () => db],
    ['it was too slow', slow],
  ] as const)
    it(`pages go on where they ended, where ${how}`, async () => {
      await fc.assert(
        fc.asyncProperty(queries, filters, async (query, more) => {
          const wanted = { user_id: user, words: wordsOf(query), limit: 50, ...more };
          const bounds = { glance: 150, patienceMs: on === slow ? 5 : 10_000, longWalk: 900 };
          const found: Place[] = [];
          for (let position: Position | undefined = { wide: false }; position !== undefined; ) {
            const page: FoundPage = await findMessages(on(), wanted, position, bounds);
            expect(page.places.length).to.be.at.most(50);
            found.push(...page.places);
            position = page.next;
          }
          expect(names(found)).to.deep.equal(expected(query, more));
        }),
        { seed: 7, numRuns: 20 },
      );
    });

  it('a walk never reads more messages than it may, and not far fewer', async () => {
    const words = wordsOf('yoq');
    const budgets = fc.constantFrom(1, 30, 100, 600, 1500);
    await fc.assert(
      fc.asyncProperty(at, budgets, async (ms, budget) => {
        const before = { at: ms, chat_id: idOf(0, 300), seq: 9 };
        const { next, places } = await walk(db, { user_id: user, words, limit: 20, before }, budget);
        expect(places).to.deep.equal([]);
        const edge = { ...(next ?? before), sender_id: '', text: '', ...(next === undefined && { at: 0 }) };
        const start = { ...before, sender_id: '', text: '' };
        const read = said.filter(
          (message) =>
            own.has(message.chat_id) && newestFirst(message, start) > 0 && newestFirst(message, edge) <= 0,
        );
        expect(read.length).to.be.at.most(budget + 1);
        if (next !== undefined) expect(read.length).to.be.at.least(budget / 20);
      }),
      { seed: 7, numRuns: 200 },
    );
  });

  it('the index is given up when it takes too long', async () => {
    expect(
      await lookUp(db, { user_id: user, words: wordsOf('gap salom xayr'), limit: 20 }, 10_000),
    ).to.not.equal(undefined);
    await withClient({ url: database.url, applicationName: 'search test' }, async (client) => {
      await client.query('begin');
      await client.query('lock table messages in access exclusive mode');
      expect(await lookUp(db, { user_id: user, words: wordsOf('salom'), limit: 20 }, 50)).to.equal(undefined);
      await client.query('rollback');
    });
  });

  /** Is what this name names older than the edge? */
  function isOlder(name: string, edge: Said): boolean {
    const [time, chat_id = '', seq] = name.split(' ');
    return newestFirst({ at: Number(time), chat_id, seq: Number(seq), sender_id: '', text: '' }, edge) > 0;
  }
});
