import { sql } from 'slonik';
import { type Transaction, typed } from '../../ops/connections/postgres.ts';
import type { ChatEvent, ChatNoted } from '../../schemas/chat/events.ts';
import { messageOf } from '../../schemas/chat/rows.ts';
import { later } from './state.ts';

/** Chats when some of their events are lost: see `Survivors` of the runtime. */

/** So many seqs may have been given out that nobody knows of any more. */
const lostSeqs = 1_000_000;
const idsPage = 10_000;
const chatsPage = 500;

/**
 * Events carry absolute values, so that each can be written without those before it; but not where
 * the chat itself is unknown: it may be made anew, and then its seqs begin at 1.
 */
export async function fittingEvents(
  tx: Transaction,
  events: readonly { id: string; event: ChatEvent }[],
): Promise<ReadonlySet<ChatEvent>> {
  const ids = [...new Set(events.map(({ id }) => id))];
  const known = new Set(
    await tx.anyFirst(
      typed<{ id: string }>()`select id from chats where id = any(${sql.array(ids, 'uuid')})`,
    ),
  );
  const fitting = new Set<ChatEvent>();
  for (const { id, event } of events) {
    if (event.type === 'noted' && event.message.service?.action === 'created') known.add(id);
    if (known.has(id)) fitting.add(event);
  }
  return fitting;
}

/**
 * A service message for each chat, at a seq far above its head: whoever holds a lost message sees the jump, asks for
 * the history after what he holds, and never takes a new message for an old one. It counts as a change of membership,
 * because those may be lost as well: gateways ask who is in the chat, and tell the others `resync`.
 */
export async function* raiseChats(
  tx: Transaction,
  mine: (id: string) => boolean,
  now: number,
): AsyncGenerator<{ id: string; event: ChatNoted }[]> {
  for (let after = '00000000-0000-0000-0000-000000000000'; ; ) {
    const ids = await tx.anyFirst(
      typed<{ id: string }>()`select id from chats where id > ${after} order by id limit ${idsPage}`,
    );
    const wanted = ids.filter(mine);
    for (let from = 0; from < wanted.length; from += chatsPage)
      yield (await readChats(tx, wanted.slice(from, from + chatsPage))).map((row) => {
        return { id: row.id, event: raised(row, now) };
      });
    const last = ids.at(-1);
    if (last === undefined || ids.length < idsPage) return;
    after = last;
  }
}

interface Row {
  id: string;
  head_seq: number;
  messages_count: number;
  members_count: number;
  last_activity_at: string;
  created_by: string;
  user_lo: string | null;
  user_hi: string | null;
}

function readChats(tx: Transaction, ids: readonly string[]): Promise<readonly Row[]> {
  return tx.any(typed<Row>()`
    select id, head_seq, messages_count, members_count, last_activity_at, created_by, user_lo, user_hi
    from chats where id = any(${sql.array([...ids], 'uuid')})`);
}

function raised(row: Row, now: number): ChatNoted {
  const seq = row.head_seq + lostSeqs;
  const pair: [string, string] | undefined =
    row.user_lo === null || row.user_hi === null ? undefined : [row.user_lo, row.user_hi];
  const message = messageOf(
    {
      chat_id: row.id,
      seq,
      sender_id: row.created_by,
      kind: 'service',
      text: '',
      reply_to: null,
      // Nothing of it changed that it could name: clients know this action.
      service: { action: 'updated' },
      client_id: null,
      created_at: later(new Date(now).toISOString(), row.last_activity_at),
      edited_at: null,
      deleted_at: null,
      changed_seq: seq,
      reactions: null,
    },
    pair,
  );
  const { messages_count: ordinal, members_count } = row;
  return { type: 'noted', message, ordinal, member_seq: seq, members_count, members: [] };
}
