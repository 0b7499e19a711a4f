import type { Envelope } from '../../ops/bus/bus.ts';
import type { Refusal } from '../../schemas/errors.ts';

/**
 * The rules of a family of actors. The runtime knows kinds by this interface only. `decide`, `evolve`
 * and `frames` are pure: no I/O, no clock, no random. `evolve` may change the state that it is given and
 * returns it; nobody else holds it, and a state whose events were not committed is thrown away whole.
 *
 * State: one actor's hot state. Command: what it is asked. Event: what is journaled. Mark: what is
 * written behind without the journal (a crash may lose the last second of them).
 */
export interface ActorKind<State, Command, Event, Mark = never, Tx = unknown> {
  readonly name: string;
  /** False: soft state. Its events only move the state: they are not journaled, flushed or told. */
  readonly journaled: boolean;
  /** The flushed state of this id; an id that was never used gives an empty state. */
  load(id: string): Promise<State>;
  /** A command that waits for rows holds back later commands that share one of these keys. */
  keys(command: Command): readonly string[];
  /**
   * What must be read before this command's turn, if the hot state lacks it. The returned function does
   * the reading, and gives a function that puts what was read into the state, just before the turn.
   */
  needs(state: State, command: Command, now: number): (() => Promise<(state: State) => void>) | undefined;
  decide(state: State, command: Command, now: number): Decision<Event, Mark>;
  evolve(state: State, event: Event): State;
  /**
   * What leaves when the event is committed. Events carry what their frames need: a replay says it again. `text` is
   * the event's JSON, where that was made for the journal just now: a part of it need not be made again.
   */
  frames(id: string, event: Event, text?: string): Outgoing[];
  /** Names what a mark is about: of several unwritten marks of one actor and key the newest is kept. */
  markKey(mark: Mark): string;
  /** Writes events, and marks after them, in order, in bulk, idempotently. */
  project(tx: Tx, batch: Projection<Event, Mark>): Promise<void>;
  /**
   * Stands in for an event that PostgreSQL refuses: keeps its place. True when the actor can go on
   * without it; false freezes the actor for an operator.
   */
  bury(tx: Tx, id: string, event: Event): Promise<boolean>;
  /** What was flushed: the state may forget what PostgreSQL now has. */
  flushed(state: State, events: readonly Event[]): void;
  /** May this state leave memory now (nothing open, nothing that only memory holds)? */
  idle(state: State): boolean;
}

/** A kind as the runtime holds it: it hands states, commands and events around and looks into none. */
export type AnyKind<Tx = unknown> = ActorKind<unknown, object, unknown, unknown, Tx>;

export function anyKind<State, Command, Event, Mark, Tx>(
  kind: ActorKind<State, Command, Event, Mark, Tx>,
): AnyKind<Tx> {
  return kind as unknown as AnyKind<Tx>;
}

export interface Projection<Event, Mark> {
  /** `text`: the event's JSON, where it is there. */
  events: { id: string; event: Event; text?: string | undefined }[];
  marks: { id: string; mark: Mark }[];
}

/** `journaled`: answered when committed. `stored`: answered when flushed, so that SQL reads see it. */
export type Gate = 'journaled' | 'stored';

export type Decision<Event, Mark> =
  | { refuse: Refusal }
  | {
      /** Plain data; nothing in it may change after the turn. */
      reply: unknown;
      events?: readonly Event[];
      marks?: readonly Mark[];
      /** Frames that no event carries: typing, presence, read marks. They pass the gate like the reply. */
      frames?: readonly Outgoing[];
      gate?: Gate;
      /** Asks for the command `{ type: 'wake' }` at this time or soon after (soft kinds). */
      wake_at?: number;
    };

export interface Outgoing {
  subject: string;
  envelope: Envelope;
  /** `flushed`: leaves only when PostgreSQL has the event. Default: when it is committed. */
  after?: 'committed' | 'flushed';
  /**
   * Leaves at the commit, and once more behind what was meant to be heard before it: frames of the same chat to the
   * same subject that still wait for the flush.
   */
  lastWord?: true;
  /**
   * Says how things stand: to its subject only the newest matters, and no later frame shows that it was lost. After a
   * loss on the bus it leaves again.
   */
  standing?: true;
}
