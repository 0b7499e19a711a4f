import type { Append, Journal } from '../../actors/journal/journal.ts';
import { Appender } from '../../actors/runtime/appender.ts';
import { decodeRecord } from '../../actors/runtime/record.ts';
import type { Sabotage } from './cluster.ts';

/** A mistake that the simulation must catch, or it proves nothing; `shows`: the promise that it breaks. */
export interface SeededBug {
  sabotage: Sabotage;
  shows: RegExp;
}

export const seededBugs: Record<string, SeededBug> = {
  'ack before commit': {
    shows: /^1:/,
    sabotage: {
      patch() {
        const { attach } = Appender.prototype;
        Appender.prototype.attach = () => false;
        return () => {
          Appender.prototype.attach = attach;
        };
      },
    },
  },

  'checkpoint outside the transaction': {
    shows: /^[17]:/,
    sabotage: {
      store: (store, database) => ({
        ...store,
        async advance(_tx, positions) {
          for (const { shard, position } of positions) {
            const row = database.checkpoints.get(shard);
            if (row !== undefined) row.position = position;
          }
        },
      }),
    },
  },

  'no expected position': {
    shows: /^[138]:/,
    sabotage: {
      journal: (journal) => ({
        ...journal,
        async append(append: Append) {
          const newest = await journal.newest(append.shard);
          return journal.append({ ...append, expected: newest?.position ?? 0 });
        },
      }),
    },
  },

  'no fence for reads': { shows: /^a read of/, sabotage: { journal: (journal) => unfenced(journal) } },
};

/** Tells an owner that asks about a shard it once appended to that the newest record is still its own. */
function unfenced(journal: Journal): Journal {
  const own = new Map<number, { position: number; payload: Buffer }>();
  return {
    ...journal,
    async append(append: Append) {
      const position = await journal.append(append);
      own.set(append.shard, { position, payload: append.payload });
      return position;
    },
    async newest(shard: number) {
      const record = own.get(shard);
      return record !== undefined && decodeRecord(record.payload).type === 'batch'
        ? record
        : journal.newest(shard);
    },
  };
}
