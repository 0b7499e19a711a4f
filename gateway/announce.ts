import { shardOf } from '../actors/client/shard-of.ts';
import type { Bus } from '../ops/bus/bus.ts';
import { type Clock, sleep } from '../ops/process/clock.ts';
import { subjects, type WantedConnections } from '../schemas/subjects.ts';
import type { Connection } from './websocket/connection.ts';

export interface AnnounceParts {
  /** Names this gateway. */
  gateway: string;
  /** Shards of all actors. */
  shards: number;
  /** The open ones; walked while they come and go. */
  connections: Iterable<Connection>;
  /** Tells the user's actor of the connection once more. False: it could not be told now. */
  announce(connection: Connection): Promise<boolean>;
  /** Told of the shards whose connections are wanted, each time. */
  wanted(shards: Iterable<number>): void;
  bus: Pick<Bus, 'subscribe' | 'onLoss'>;
  clock: Clock;
}

/** Wishes that come together are one pass. */
const gatherMs = 100;
/** Announcements: so many are begun in so long, and so many are under way at the most. About 4,000 a second. */
const portion = 40;
const portionMs = 10;
const mostInFlight = 64;
/** Connections looked at before others have their turn. */
const looksAtOnce = 500;
/** Passes over what could not be told, the pauses doubling from a second on: about a minute. */
const tries = 6;
const firstPauseMs = 1000;
/** Wishes remembered, to know one that is published again. */
const mostSeen = 1000;

/**
 * Announces open connections again where user actors may lack them: a shard of theirs has begun anew, or this
 * gateway was believed to be gone. Owners ask for it, because they alone know when: by the membership alone,
 * a gateway would tell an owner that is just letting go. After a broken link wishes may be lost: then all are
 * announced. Nothing is kept for this per connection; a pass walks over all of them, at a pace that leaves
 * room for the clients. What is returned ends it.
 */
export function createAnnouncer(parts: AnnounceParts): () => void {
  const { gateway, shards, connections, announce, bus, clock } = parts;
  const seen = new Set<string>();
  let due = new Set<number>();
  let failures = 0;
  let running = false;
  let closed = false;

  function want(wanted: readonly number[]): void {
    parts.wanted(wanted);
    for (const shard of wanted) due.add(shard);
    failures = 0;
    if (!running) void run();
  }

  const wantAll = () => want(Array.from({ length: shards }, (_, shard) => shard));

  async function run(): Promise<void> {
    running = true;
    await sleep(clock, gatherMs);
    while (due.size > 0 && !closed) {
      const now = due;
      due = new Set();
      const failed = await pass(now);
      if (failed.size > 0 && ++failures <= tries) {
        for (const shard of failed) due.add(shard);
        await sleep(clock, firstPauseMs * 2 ** (failures - 1));
      } else await sleep(clock, gatherMs);
    }
    running = false;
  }

  /** Every connection of these shards, once; a shard whose owner cannot be told is left at that. */
  async function pass(wanted: ReadonlySet<number>): Promise<ReadonlySet<number>> {
    const failed = new Set<number>();
    let inFlight = 0;
    let looked = 0;
    let begun = 0;
    for (const connection of connections) {
      if (closed) return failed;
      if (++looked % looksAtOnce === 0) await sleep(clock, 0);
      if (connection.user === undefined) continue;
      const shard = shardOf('user', connection.user.id, shards);
      if (!wanted.has(shard) || failed.has(shard)) continue;
      inFlight++;
      void announce(connection).then((told) => {
        inFlight--;
        if (!told) failed.add(shard);
      });
      if (++begun % portion === 0) await sleep(clock, portionMs);
      while (inFlight >= mostInFlight) await sleep(clock, portionMs);
    }
    while (inFlight > 0) await sleep(clock, portionMs);
    return failed;
  }

  function hear(wish: WantedConnections): void {
    if (seen.has(wish.id)) return;
    seen.add(wish.id);
    for (const oldest of seen) if (seen.size > mostSeen) seen.delete(oldest);
    if (wish.gateway === gateway) wantAll();
    if (wish.shards !== undefined) want(wish.shards);
  }

  const unsubscribe = bus.subscribe(subjects.wanted, ({ note }) => {
    if (isWish(note)) hear(note);
  });
  const unlisten = bus.onLoss((loss) => {
    if (loss === 'all') wantAll();
  });
  return () => {
    closed = true;
    unsubscribe();
    unlisten();
  };
}

function isWish(note: unknown): note is WantedConnections {
  return typeof note === 'object' && note !== null && typeof (note as { id?: unknown }).id === 'string';
}
