import type {
  ChatEvent,
  ChatNoted,
  MemberRow,
  MessageChanged,
  MessagePosted,
} from '../../schemas/chat/events.ts';
import type { Message, ServiceNote } from '../../schemas/chat/wire.ts';
import type { HotMessage } from './hot-tail.ts';
import { type ChatState, later, type Membership } from './state.ts';
import { peerOf } from './views.ts';

/** The events that turns make. */

/** A message of a member: the next seq, the next ordinal. */
export function post(
  state: ChatState,
  by: string,
  fields: Pick<Message, 'client_id' | 'text' | 'reply_to'>,
  now: number,
): MessagePosted {
  const { client_id, text, reply_to } = fields;
  const at = timeAfter(state, now);
  const seq = state.head + 1;
  const message = newMessage(
    state.id,
    seq,
    by,
    peerOf(state, by),
    'text',
    text,
    reply_to,
    null,
    client_id,
    at,
  );
  return { type: 'posted', message, ordinal: state.ordinal + 1, member_seq: state.member_seq };
}

/** A message's next version. `fields` is given the time of the change. */
export function change(
  state: ChatState,
  hot: HotMessage,
  fields: (at: string) => Partial<Message>,
  now: number,
  reaction?: MessageChanged['reaction'],
): MessageChanged {
  const message = { ...hot.message, ...fields(timeAfter(state, now)), changed_seq: state.head + 1 };
  const { member_seq } = state;
  return { type: 'changed', message, ordinal: hot.ordinal, member_seq, ...(reaction && { reaction }) };
}

/** The service messages of one turn: each takes the next seq. */
export interface Draft {
  readonly events: ChatEvent[];
  /** The seq of the newest event so far, drafted ones included. */
  readonly head: number;
  /** When it happens. ISO 8601. */
  readonly at: string;
  note(by: string, service: ServiceNote, noting: Noting): ChatNoted;
}

interface Noting {
  /** Says that who is in the chat has changed. */
  moves: boolean;
  /** The other one, where the chat is private and only being made. */
  receiver_id?: string;
  /** As the event leaves them. */
  members: MemberRow[];
  members_count: number;
  more?: Pick<ChatNoted, 'facts' | 'welcome' | 'gone'>;
}

export function createDraft(state: ChatState, now: number): Draft {
  const events: ChatEvent[] = [];
  const at = timeAfter(state, now);
  const { id, ordinal } = state;
  let { head, member_seq } = state;
  return {
    events,
    get head() {
      return head;
    },
    at,
    note(by, service, { moves, receiver_id, members, members_count, more }): ChatNoted {
      head++;
      if (moves) member_seq = head;
      const message = newMessage(id, head, by, receiver_id, 'service', '', null, service, null, at);
      const noted: ChatNoted = {
        type: 'noted',
        message,
        ordinal,
        member_seq,
        members_count,
        members,
        ...more,
      };
      events.push(noted);
      return noted;
    },
  };
}

/** Now, but never below the chat's newest message or change. */
function timeAfter(state: ChatState, now: number): string {
  return later(isoTime(now), state.last_at);
}

let isoNow = 0;
let isoText = new Date(0).toISOString();

/** Many turns fall into one millisecond: its text is made once. */
function isoTime(now: number): string {
  if (now !== isoNow) {
    isoNow = now;
    isoText = new Date(now).toISOString();
  }
  return isoText;
}

/** Written out: spreading optional fields into it would cost as much as the rest of a turn. */
function newMessage(
  chat_id: string,
  seq: number,
  sender_id: string,
  receiver_id: string | undefined,
  kind: Message['kind'],
  text: string,
  reply_to: number | null,
  service: ServiceNote | null,
  client_id: string | null,
  created_at: string,
): Message {
  const [media, edited_at, deleted_at, changed_seq] = [null, null, null, seq];
  return receiver_id === undefined
    ? {
        chat_id,
        seq,
        sender_id,
        kind,
        text,
        media,
        reply_to,
        service,
        client_id,
        created_at,
        edited_at,
        deleted_at,
        changed_seq,
        reactions: [],
      }
    : {
        chat_id,
        seq,
        sender_id,
        receiver_id,
        kind,
        text,
        media,
        reply_to,
        service,
        client_id,
        created_at,
        edited_at,
        deleted_at,
        changed_seq,
        reactions: [],
      };
}

/** The row of a member as an event leaves it. */
export function memberRow(user_id: string, membership: Membership, changes: Partial<Membership>): MemberRow {
  return { user_id, ...membership, ...changes };
}

/** The row of somebody who comes in at `seq`; `before` is what is known of an earlier stay. */
export function joinerRow(
  user_id: string,
  role: MemberRow['role'],
  seq: number,
  ordinal: number,
  before: Membership | undefined,
): MemberRow {
  return {
    user_id,
    role,
    joined_seq: seq,
    left_seq: null,
    removed: false,
    read: seq,
    read_ordinal: ordinal,
    last_client_id: before?.last_client_id ?? null,
  };
}
