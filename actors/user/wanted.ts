import type { Bus } from '../../ops/bus/bus.ts';
import { type Clock, sleep } from '../../ops/process/clock.ts';
import { subjects, type WantedConnections } from '../../schemas/subjects.ts';

/** Asks gateways to announce connections again. The bus may lose a wish, so each is published a few times. */
export interface Wanted {
  /** The shard is served by this node from now on. */
  shard(number: number): void;
  /**
   * Resolves when gateways have had their time to announce the shard's connections; undefined: it is over.
   * Until then who seems to be offline may be online.
   */
  settling(shard: number): Promise<void> | undefined;
  /** The gateway is back. */
  gateway(name: string): void;
  close(): void;
}

export interface WantedParts {
  /** Names this node. */
  node: string;
  bus: Pick<Bus, 'publish'>;
  clock: Clock;
}

/** Shards that come within this go together. */
const gatherMs = 50;
/**
 * Gateways begin within 200 ms and announce some thousand connections in a second. More time would end the
 * patience of those who asked while the shard had no owner, and who are answered when it has one.
 */
const settleMs = 1000;
/** When a wish is published again, after the first time. */
const againMs = [2000, 10_000];
/** Wishes that will be published again; beyond it they are published once. */
const most = 1000;

export function createWanted({ node, bus, clock }: WantedParts): Wanted {
  const cancels = new Set<() => void>();
  const fresh = new Map<number, Promise<void>>();
  let shards = new Set<number>();
  let count = 0;

  function later(ms: number, task: () => void): void {
    const cancel = clock.after(ms, () => {
      cancels.delete(cancel);
      task();
    });
    cancels.add(cancel);
  }

  function want(wish: Omit<WantedConnections, 'id'>): void {
    const note: WantedConnections = { id: `${node}/${++count}`, ...wish };
    const publish = () => bus.publish(subjects.wanted, { frame: '', note });
    publish();
    if (cancels.size < most) for (const ms of againMs) later(ms, publish);
  }

  return {
    shard(number) {
      const settled = sleep(clock, settleMs).then(() => {
        if (fresh.get(number) === settled) fresh.delete(number);
      });
      fresh.set(number, settled);
      shards.add(number);
      if (shards.size > 1) return;
      later(gatherMs, () => {
        want({ shards: [...shards] });
        shards = new Set();
      });
    },
    settling: (shard) => fresh.get(shard),
    gateway: (name) => want({ gateway: name }),
    close() {
      for (const cancel of cancels) cancel();
    },
  };
}
