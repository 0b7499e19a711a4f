import type { RedisLink } from '../connections/redis.ts';
import type { Clock } from '../process/clock.ts';

export interface OnlineKeysOptions {
  redis: RedisLink;
  /** Stands before every key: `{prefix}online:{user_id}`. */
  prefix: string;
  clock: Clock;
}

/**
 * Tells other programs who is online: a key `online:{user_id}` in Redis that is there while he is, for 60 s. Inside
 * Suhbat nobody reads it: the user actor is the truth, with the grace period and without Redis.
 *
 * Every gateway keeps the keys of its own users alive and none ever deletes one, so a user with two gateways stays
 * while one of them has him, whatever the other does. The price: who left is there for up to 60 s more. Where Redis
 * was away, keys are there again within seconds of its return.
 */
export interface OnlineKeys {
  /** A user came to this gateway: written within a second, and kept alive. */
  online(userId: string): void;
  /** He left it: not kept alive any more. */
  offline(userId: string): void;
  /** Once: for who has no socket and says himself that he is there. */
  seen(userId: string): void;
  /** Keys kept alive here. */
  size(): number;
  /** Ends it at once; the keys run out by themselves. */
  close(): void;
}

const lifeS = 60;
/** Two rounds may fail before a key runs out. */
const roundMs = 20_000;
/** What comes in between is gathered for so long. */
const gatherMs = 500;
/** Commands of one pipeline; one is under way at a time. */
const batch = 250;
/** Of those who have no socket; beyond it they are dropped until the next batch has gone. */
const seenMost = 100_000;

export function createOnlineKeys({ redis, prefix, clock }: OnlineKeysOptions): OnlineKeys {
  /** All who are here. */
  const here = new Set<string>();
  /** Who came or said so since the last batch. */
  let fresh = new Set<string>();
  let closed = false;
  let writing = false;
  /** A round over all is wanted. */
  let due = false;
  let cancelGather: (() => void) | undefined;
  let cancelRound = clock.after(roundMs, round);

  function round(): void {
    cancelRound();
    cancelRound = clock.after(roundMs, round);
    due = true;
    void write();
  }

  function gather(userId: string): void {
    if (closed || fresh.size >= seenMost + here.size) return;
    fresh.add(userId);
    cancelGather ??= clock.after(gatherMs, () => {
      cancelGather = undefined;
      void write();
    });
  }

  /** All that waits, one pipeline after the other. What fails is written with the next round. */
  async function write(): Promise<void> {
    if (writing) return;
    writing = true;
    while (!closed && redis.up() && (due || fresh.size > 0)) {
      const users = due ? new Set([...here, ...fresh]) : fresh;
      due = false;
      fresh = new Set();
      await writeAll([...users]);
    }
    // Whoever is here comes again with the round after Redis's return.
    if (!redis.up()) fresh.clear();
    writing = false;
  }

  async function writeAll(users: readonly string[]): Promise<void> {
    for (let from = 0; from < users.length && !closed && redis.up(); from += batch) {
      const some = users.slice(from, from + batch);
      await redis
        .run((client) => {
          const pipeline = client.pipeline();
          for (const userId of some) pipeline.set(`${prefix}online:${userId}`, '1', 'EX', lifeS);
          return pipeline.exec();
        })
        .catch(() => undefined);
    }
  }

  const unlisten = redis.onChange((change) => {
    if (change === 'back') round();
  });

  return {
    online(userId) {
      here.add(userId);
      gather(userId);
    },
    offline: (userId) => void here.delete(userId),
    seen: gather,
    size: () => here.size,
    close() {
      closed = true;
      cancelGather?.();
      cancelRound();
      unlisten();
      here.clear();
    },
  };
}
