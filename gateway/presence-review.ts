import { shardOf } from '../actors/client/shard-of.ts';
import { type Clock, sleep } from '../ops/process/clock.ts';
import type { Presence } from '../schemas/frames/server.ts';
import type { Connection } from './websocket/connection.ts';

export interface ReviewParts {
  /** Shards of all actors. */
  shards: number;
  /** The open ones; walked while they come and go. */
  connections: Iterable<Connection>;
  /** Presence of these users, without those who cannot be asked now. */
  ask(userIds: readonly string[]): Promise<Presence[]>;
  /** Tells who watches this user here. */
  tell(presence: Presence): void;
  clock: Clock;
}

/** Looks again at users whose presence is watched here. */
export interface Review {
  /** Those in these shards, when gateways have had time to announce their connections. */
  of(shards: Iterable<number>): void;
  close(): void;
}

/** An announcer brings about 60,000 connections in this time. */
const waitMs = 15_000;
/** Shards that come within this are one pass. */
const gatherMs = 1000;
/** Users asked about in one go, and the pause between: about 2,000 a second. */
const portion = 200;
const pauseMs = 100;
/** Connections looked at before others have their turn. */
const looksAtOnce = 500;

/**
 * An owner that begins anew tells nobody that somebody is offline whom only the owner before knew to be online: a
 * user whose gateway was lost with it. And a broken link may have swallowed such a frame. So who watches is told
 * once more of everybody who is offline then; who is online was announced, and told by that.
 */
export function createReview({ shards, connections, ask, tell, clock }: ReviewParts): Review {
  /** By shard: when, in monotonic milliseconds. */
  const due = new Map<number, number>();
  let running = false;
  let closed = false;

  async function run(): Promise<void> {
    running = true;
    while (due.size > 0 && !closed) {
      await sleep(clock, Math.min(...due.values()) - clock.monotonic() + gatherMs);
      const now = new Set<number>();
      for (const [shard, at] of due) if (at <= clock.monotonic() && due.delete(shard)) now.add(shard);
      const users = [...(await watchedIn(now))];
      for (let from = 0; from < users.length && !closed; from += portion) {
        for (const presence of await ask(users.slice(from, from + portion)))
          if (!presence.online && !closed) tell(presence);
        await sleep(clock, pauseMs);
      }
    }
    running = false;
  }

  async function watchedIn(wanted: ReadonlySet<number>): Promise<ReadonlySet<string>> {
    const users = new Set<string>();
    let looked = 0;
    for (const { watched } of connections) {
      if (++looked % looksAtOnce === 0) await sleep(clock, 0);
      for (const id of watched ?? []) if (wanted.has(shardOf('user', id, shards))) users.add(id);
    }
    return users;
  }

  return {
    of(wanted) {
      for (const shard of wanted) due.set(shard, clock.monotonic() + waitMs);
      if (!running && due.size > 0) void run();
    },
    close() {
      closed = true;
    },
  };
}
