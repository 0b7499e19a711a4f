import { type FragmentSqlToken, type ListSqlToken, sql } from 'slonik';
import { type Database, sqlState, typed } from '../../ops/connections/postgres.ts';
import type { SearchWord } from './search-words.ts';

/** Messages by their words, the newest first. Why it is done so: `ops/decisions/0010-message-search.md`. */

/** A message's place among those of all chats: by time, then chat, then seq. */
export interface Place {
  /** Milliseconds since 1970. */
  at: number;
  chat_id: string;
  seq: number;
}

export interface Wanted {
  /** Whose chats. */
  user_id: string;
  words: readonly SearchWord[];
  chat_id?: string;
  sender_id?: string;
  kind?: string;
  /** Milliseconds since 1970, both inclusive. */
  from?: number;
  to?: number;
  /** Only what is older than this place. */
  before?: Place;
  limit: number;
}

export interface Found {
  /** Up to `limit`. */
  places: Place[];
  /** Everything newer has been looked at, and nothing older; undefined: there is no more. */
  next?: Place;
}

/**
 * Reads the newest messages of all chats of the user, in order, until `limit` match, or about `budget` of them have
 * been read. How far that leads is known before a text is read: `edge` is the place down to which all chats together
 * have at most so many messages. Seqs tell it, as a chat has at most n messages in n seqs: in each chat the places 8,
 * 64, 512 … seqs back are looked up; in those that were active less lately only the first of them.
 */
export async function walk(db: Database, wanted: Wanted, budget: number): Promise<Found> {
  const { before, limit } = wanted;
  const until =
    before === undefined
      ? sql.fragment``
      : sql.fragment`and m.created_at <= ${timeOf(before.at)} and ${keyOf('m')} < ${placeOf(before)}`;
  const rows = await db.any(typed<WalkRow>()`
    with newest as materialized (
      select n.*, row_number() over (order by ${downwards('n')}) as rank, sum(n.seq) over () as most
      from chat_members me cross join lateral (
        select m.chat_id, m.created_at, m.seq from messages m
        where m.chat_id = me.chat_id ${until} ${to(wanted)} ${from(wanted)}
        order by m.created_at desc, m.seq desc limit 1
      ) n
      where me.user_id = ${wanted.user_id} and me.left_seq is null ${only('me', wanted.chat_id)}
    ), steps as (
      select chat_id, created_at, seq, case when rank > ${chatsAtOnce} then ${budget + 1}::int else ${firstStep}::int end as more
      from newest where rank <= ${chatsAtOnce + 1} and most > ${budget}
      union all
      select s.chat_id, s.created_at, s.seq,
        case when n.rank > ${deepChats} and step.back = ${shallow} then ${budget + 1} else step.more end
      from newest n
      join ${sql.unnest(stepsOf(budget), ['int4', 'int4'])} as step(back, more) on n.seq > step.back
      cross join lateral (
        select m.chat_id, m.created_at, m.seq from messages m
        where m.chat_id = n.chat_id and m.seq <= n.seq - step.back
        order by m.seq desc limit 1
      ) s
      where n.rank <= case when step.back > ${shallow} then ${deepChats}::int else ${chatsAtOnce}::int end
        and n.most > ${budget} ${from(wanted, 's')}
    ), edge as materialized (
      select s.chat_id, s.created_at, s.seq from (
        select *, sum(more) over (order by ${downwards('steps')}) as total from steps
      ) s
      where s.total > ${budget} order by ${downwards('s')} limit 1
    ), hits as (
      select h.* from newest n cross join lateral (
        select m.chat_id, m.created_at, m.seq from messages m
        where m.chat_id = n.chat_id and (m.created_at, m.seq) <= (n.created_at, n.seq)
          and m.created_at >= coalesce((select created_at from edge), '-infinity')
          and (${keyOf('m')} >= (select created_at, chat_id, seq from edge) or not exists (select from edge))
          ${from(wanted)} ${filters(wanted)} ${has(wanted.words.map((word) => ({ ...word, indexed: false })))}
        order by m.created_at desc, m.seq desc limit ${limit + 1}
      ) h
      where ${keyOf('n')} >= (select created_at, chat_id, seq from edge) or not exists (select from edge)
      order by ${downwards('h')} limit ${limit + 1}
    )
    select chat_id, created_at, seq, false as edge from hits
    union all
    select chat_id, created_at, seq, true as edge from edge`);
  const hits = rows.filter(({ edge }) => !edge).map(placeOfRow);
  const edge = rows.filter((row) => row.edge).map(placeOfRow)[0];
  return pageOf(hits.sort(newestFirst), limit, edge);
}

/**
 * What the trigram index finds, whichever chats it is in. For words that few messages have: every match is read and
 * sorted. Undefined where that takes longer than `timeoutMs`.
 */
export async function lookUp(db: Database, wanted: Wanted, timeoutMs: number): Promise<Found | undefined> {
  const { user_id, words, chat_id, before, limit } = wanted;
  const older = before === undefined ? sql.fragment`true` : sql.fragment`${keyOf('m')} < ${placeOf(before)}`;
  try {
    return await db.transaction(async (tx) => {
      // No estimate of how often words are there is worth anything: no plan but that of the index may be chosen.
      await tx.query(sql.unsafe`
        select set_config('statement_timeout', ${String(timeoutMs)}, true), set_config('enable_seqscan', 'off', true)`);
      const rows = await tx.any(typed<PlaceRow>()`
        with hits as materialized (
          select m.chat_id, m.created_at, m.seq from messages m
          where (${older} ${to(wanted)} ${from(wanted)} ${only('m', chat_id)} ${filters(wanted)}) is not false
            ${has(words)}
        )
        select h.* from hits h
        join chat_members me on me.chat_id = h.chat_id and me.user_id = ${user_id} and me.left_seq is null
        order by ${downwards('h')} limit ${limit + 1}`);
      return pageOf(rows.map(placeOfRow).sort(newestFirst), limit, undefined);
    });
  } catch (error) {
    if (sqlState(error) === timedOut) return undefined;
    throw error;
  }
}

const timedOut = '57014';

/** Of how many chats, the last active ones, one walk may read. */
const chatsAtOnce = 512;
const firstStep = 8;
/** How many chats are looked into further back than this. */
const deepChats = 32;
const shallow = 64;

/** How far back places are looked up, and how many more messages there may be down to the next. */
function stepsOf(budget: number): number[][] {
  const steps: number[][] = [];
  for (let back = firstStep; back < budget; back *= firstStep)
    steps.push([back, Math.min(back * firstStep, budget) - back]);
  return [...steps, [Math.max(budget, firstStep), budget + 1]];
}

interface PlaceRow {
  chat_id: string;
  created_at: string;
  seq: number;
}
type WalkRow = PlaceRow & { edge: boolean };

function placeOfRow({ chat_id, created_at, seq }: PlaceRow): Place {
  return { at: Date.parse(created_at), chat_id, seq };
}

function newestFirst(one: Place, other: Place): number {
  if (one.at !== other.at) return other.at - one.at;
  if (one.chat_id !== other.chat_id) return one.chat_id < other.chat_id ? 1 : -1;
  return other.seq - one.seq;
}

/** `places` has one more than the limit where there are more. */
function pageOf(places: readonly Place[], limit: number, edge: Place | undefined): Found {
  const page = places.slice(0, limit);
  const next = places.length > limit ? page.at(-1) : edge;
  return { places: page, ...(next !== undefined && { next }) };
}

const timeOf = (ms: number) => sql.fragment`to_timestamp(${ms}::float8 / 1000)`;
const placeOf = ({ at, chat_id, seq }: Place) =>
  sql.fragment`(${timeOf(at)}, ${chat_id}::uuid, ${seq}::int8)`;

function keyOf(table: string): FragmentSqlToken {
  const column = (name: string) => sql.identifier([table, name]);
  return sql.fragment`(${column('created_at')}, ${column('chat_id')}, ${column('seq')})`;
}

function downwards(table: string): ListSqlToken {
  const column = (name: string) => sql.fragment`${sql.identifier([table, name])} desc`;
  return sql.join([column('created_at'), column('chat_id'), column('seq')], sql.fragment`, `);
}

const none = sql.fragment``;
const to = ({ to: ms }: Wanted) =>
  ms === undefined ? none : sql.fragment`and m.created_at <= ${timeOf(ms)}`;

function from({ from: ms }: Wanted, table = 'm'): FragmentSqlToken {
  return ms === undefined
    ? none
    : sql.fragment`and ${sql.identifier([table, 'created_at'])} >= ${timeOf(ms)}`;
}

function only(table: string, chatId: string | undefined): FragmentSqlToken {
  return chatId === undefined ? none : sql.fragment`and ${sql.identifier([table, 'chat_id'])} = ${chatId}`;
}

function filters({ sender_id, kind }: Wanted): FragmentSqlToken {
  const by = sender_id === undefined ? none : sql.fragment`and m.sender_id = ${sender_id}`;
  return kind === undefined ? by : sql.fragment`${by} and m.kind = ${kind}`;
}

/** Of a word that is not `indexed` no plan may think that the index would know it. */
function has(words: readonly SearchWord[]): ListSqlToken {
  const each = words.map(({ sql: word, indexed }) =>
    indexed ? sql.fragment`and m.text ~* ${word}` : sql.fragment`and m.text || '' ~* ${word}`,
  );
  return sql.join(each, sql.fragment` `);
}
