import type { ChatEvent, ReadMark } from '../../schemas/chat/events.ts';
import type { Projection } from '../runtime/kind.ts';
import type { HotMessage } from './hot-tail.ts';
import type { Reactor } from './reactions.ts';
import type { ChatState } from './state.ts';

/**
 * Where chats rest: PostgreSQL, or memory in the simulation. Contract: everything written with one `Tx`
 * is seen wholly or not at all; reads see what is committed.
 */
export interface ChatStore<Tx = unknown> extends ColdReads {
  /** The chat as it was flushed; an empty state for an id that was never used. */
  load(id: string, tail: number): Promise<ChatState>;
  /**
   * Writes events in order, and marks after them. Events that a chat's row already counts (`head_seq`)
   * change nothing; marks never move back.
   */
  project(tx: Tx, batch: Projection<ChatEvent, ReadMark>): Promise<void>;
  /**
   * Keeps the seq of an event that cannot be written: an empty, deleted message stands in its place, or the
   * message stays as it was before the change. False, and nothing written: members or title would be lost.
   */
  bury(tx: Tx, id: string, event: ChatEvent): Promise<boolean>;
}

/** What a turn may need of the flushed past. */
export interface ColdReads {
  /** One message with its reactions as clients see them; `reactors` is left undefined unless there are none. */
  message(id: string, seq: number): Promise<HotMessage | undefined>;
  /** Everybody's reactions to it, the oldest first. */
  reactors(id: string, seq: number): Promise<Reactor[]>;
  /** The message of this sender with this lower-case `client_id`. */
  findByClientId(
    id: string,
    sender: string,
    clientId: string,
  ): Promise<{ seq: number; created_at: string } | undefined>;
  /** Which of these two users block the other. */
  blockers(one: string, other: string): Promise<ReadonlySet<string>>;
  /** How many messages, service messages not counted, stand at or before a seq. */
  ordinalAt(id: string, seq: number): Promise<number>;
}
