import DataLoader from 'dataloader';

export interface GatherOptions {
  /** Keys in one read. */
  mostKeys?: number;
  /** Reads under way at once; what comes meanwhile is gathered for the next one. */
  mostReads?: number;
}

/**
 * Reads of many callers as few statements: what is asked for in one turn, and while others are being read, goes
 * together. A thousand clients that come back at once make a few dozen statements and not thousands.
 *
 * `read` gives one value a key, in the order of the keys; each read begins after its keys were asked for. What it
 * throws is thrown to all of its callers.
 */
export function gather<Key, Value>(
  read: (keys: readonly Key[]) => Promise<readonly Value[]>,
  { mostKeys = 500, mostReads = 2 }: GatherOptions = {},
): (key: Key) => Promise<Value> {
  let running = 0;
  const waiting: (() => void)[] = [];

  /** Each start leads to one read. */
  function schedule(start: () => void): void {
    if (running === mostReads) waiting.push(start);
    else {
      running++;
      setImmediate(start);
    }
  }

  async function readSome(keys: readonly Key[]): Promise<readonly Value[]> {
    try {
      return await read(keys);
    } finally {
      const next = waiting.shift();
      if (next === undefined) running--;
      else setImmediate(next);
    }
  }

  const loader = new DataLoader<Key, Value>(readSome, {
    cache: false,
    maxBatchSize: mostKeys,
    batchScheduleFn: schedule,
  });
  return (key) => loader.load(key);
}
