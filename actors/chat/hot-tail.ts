import type { ChatEvent } from '../../schemas/chat/events.ts';
import { seqOf } from '../../schemas/chat/events.ts';
import type { Message } from '../../schemas/chat/wire.ts';
import { type Reactor, reactorsAfter } from './reactions.ts';

/** A message in memory. Never changed in place: replies and frames hold it too. */
export interface HotMessage {
  readonly message: Message;
  readonly ordinal: number;
  /** Everybody's reactions, the oldest first; undefined: PostgreSQL has them all, and they were not read. */
  readonly reactors: readonly Reactor[] | undefined;
}

/**
 * The window of a chat's messages that its actor holds: everything that is not flushed, and the newest
 * ones whether flushed or not.
 */
export interface HotTail {
  /** Every message from `floor` on, by seq. */
  recent: HotMessage[];
  /** Messages below the floor with changes that are not flushed. */
  older: Map<number, HotMessage>;
  floor: number;
  /** Everything up to this seq is in PostgreSQL. */
  flushed: number;
  /** The greatest `changed_seq` among the messages that are not held here. */
  forgotten: number;
  /** Characters of text in `recent`. */
  chars: number;
}

/** How much of what is flushed stays in memory, per chat. */
export interface TailSize {
  messages: number;
  chars: number;
}

export const tailDefaults: TailSize = { messages: 100, chars: 128 * 1024 };

export function emptyTail(): HotTail {
  return { recent: [], older: new Map(), floor: 1, flushed: 0, forgotten: 0, chars: 0 };
}

/** The tail of a chat just read. `recent`: the newest messages, by seq; `whole`: they are all there are. */
export function loadedTail(recent: HotMessage[], whole: boolean, head: number, forgotten: number): HotTail {
  const chars = recent.reduce((sum, hot) => sum + hot.message.text.length, 0);
  const floor = whole ? 1 : (recent[0]?.message.seq ?? head + 1);
  return { recent, older: new Map(), floor, flushed: head, forgotten: whole ? 0 : forgotten, chars };
}

/** The index in `recent` of the first message with at least this seq. */
export function indexFrom(tail: HotTail, seq: number): number {
  let low = 0;
  let high = tail.recent.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((tail.recent[middle]?.message.seq ?? 0) < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function hotMessage(tail: HotTail, seq: number): HotMessage | undefined {
  if (seq < tail.floor) return tail.older.get(seq);
  const hot = tail.recent[indexFrom(tail, seq)];
  return hot?.message.seq === seq ? hot : undefined;
}

/** Is all that can be known of this seq in the tail? False: PostgreSQL must be asked. */
export function covers(tail: HotTail, seq: number): boolean {
  return seq >= tail.floor || tail.older.has(seq);
}

/** The chat's ordinal at a seq, from the newest message up to it; undefined below the floor. */
export function ordinalAt(tail: HotTail, seq: number): number | undefined {
  return tail.recent[indexFrom(tail, seq + 1) - 1]?.ordinal ?? (tail.floor === 1 ? 0 : undefined);
}

export function addMessage(tail: HotTail, hot: HotMessage): void {
  tail.recent.push(hot);
  tail.chars += hot.message.text.length;
}

/** Puts a message's new version in place of the one that `before` gives. */
export function changeMessage(tail: HotTail, event: ChatEvent, before: HotMessage | undefined): void {
  const { message, ordinal } = event;
  const reactors = reactorsAfter(event, before?.reactors);
  const after: HotMessage = { message, ordinal, reactors };
  if (message.seq < tail.floor) {
    tail.older.set(message.seq, after);
    return;
  }
  const index = indexFrom(tail, message.seq);
  tail.chars += message.text.length - (tail.recent[index]?.message.text.length ?? 0);
  tail.recent[index] = after;
}

/** PostgreSQL has these events: what is old and flushed is forgotten. */
export function forgetFlushed(tail: HotTail, events: readonly ChatEvent[], size: TailSize): void {
  for (const event of events) tail.flushed = Math.max(tail.flushed, seqOf(event));
  for (const [seq, { message }] of tail.older) {
    if (message.changed_seq > tail.flushed) continue;
    tail.older.delete(seq);
    tail.forgotten = Math.max(tail.forgotten, message.changed_seq);
  }
  const drop = droppable(tail, size);
  if (drop === 0) return;
  for (const hot of tail.recent.splice(0, drop)) {
    const { seq, changed_seq, text } = hot.message;
    tail.chars -= text.length;
    if (changed_seq > tail.flushed) tail.older.set(seq, hot);
    else tail.forgotten = Math.max(tail.forgotten, changed_seq);
  }
  tail.floor = tail.recent[0]?.message.seq ?? tail.floor;
}

/** How many of the oldest leave: flushed ones beyond the size. In slices, so that it costs little; the newest stays. */
function droppable(tail: HotTail, size: TailSize): number {
  const slack = Math.ceil(size.messages / 4);
  if (tail.recent.length <= size.messages + slack && tail.chars <= size.chars) return 0;
  let count = tail.recent.length;
  let chars = tail.chars;
  let drop = 0;
  while (count > 1 && (count > size.messages || chars > size.chars)) {
    const message = tail.recent[drop]?.message;
    if (message === undefined || message.seq > tail.flushed) break;
    chars -= message.text.length;
    count--;
    drop++;
  }
  return drop;
}

/** The seq of this sender's message with this `client_id`, if it is in the tail. */
export function findByClientId(tail: HotTail, sender: string, clientId: string): Message | undefined {
  const own = ({ message }: HotMessage) => message.client_id === clientId && message.sender_id === sender;
  const hot = tail.recent.findLast(own);
  if (hot !== undefined) return hot.message;
  for (const older of tail.older.values()) if (own(older)) return older.message;
  return undefined;
}
