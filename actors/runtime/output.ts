import type { Result } from '../client/ask.ts';
import type { Activation } from './activation.ts';
import type { Entry } from './entry.ts';
import type { Outgoing } from './kind.ts';

/**
 * What one turn wants to let out: a reply or a refusal, frames that no event carries, and marks. It
 * leaves through the gate: only when the newest batch that its actor had is committed (or flushed).
 */
export interface Output {
  activation: Activation;
  entry: Entry;
  result: Result;
  /** Waits for the flush as well. */
  stored: boolean;
  /**
   * Monotonic time of a turn that made no event: what it saw is true only if the shard was surely one's
   * own within `fenceMs` before. Undefined where the commit of an own event proves it.
   */
  readAt: number | undefined;
  frames: readonly Outgoing[];
  marks: readonly PendingMark[];
}

export interface PendingMark {
  kind: string;
  id: string;
  actor: string;
  /** Actor and what the mark is about. */
  key: string;
  mark: unknown;
  /** The newest batch that its actor had: the mark may speak of it, and is written after it. */
  batch: number;
}

/** An event on its way to PostgreSQL. */
export interface ActorEvent {
  kind: string;
  id: string;
  /** The actor's key. */
  actor: string;
  event: unknown;
  /** Its JSON, from when it joined a batch until it is flushed; none of replayed ones. */
  text?: string;
}

/** The name of an actor within its node. */
export function actorKey(kind: string, id: string): string {
  return `${kind}/${id}`;
}
