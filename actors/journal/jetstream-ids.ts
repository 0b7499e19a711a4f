import type { JournalFault } from './journal.ts';

/**
 * The message ids as they are sent. Deduplication is the stream's, so the shard comes first. And a replicated
 * stream remembers the id of an append that it refused (2.11.17): the same one would be answered as under way
 * until the window is over. So what was surely not kept is sent under another id when it is repeated; never
 * what was in doubt once, that may still land.
 */
export interface SentIds {
  sent(shard: number, messageId: string): string;
  /** The server's word on the id that was sent last, or that there was none. */
  ended(shard: number, messageId: string, fault: JournalFault): void;
  kept(shard: number): void;
}

interface Tried {
  messageId: string;
  doubted: boolean;
  refusals: number;
}

export function createSentIds(): SentIds {
  /** One a shard: there is one append of a shard in flight. */
  const tried = new Map<number, Tried>();

  function find(shard: number, messageId: string): Tried | undefined {
    const found = tried.get(shard);
    return found?.messageId === messageId ? found : undefined;
  }

  return {
    sent(shard, messageId) {
      const refusals = find(shard, messageId)?.refusals ?? 0;
      return refusals === 0 ? `${shard}/${messageId}` : `${shard}/${messageId}/${refusals}`;
    },
    ended(shard, messageId, fault) {
      const found = find(shard, messageId) ?? { messageId, doubted: false, refusals: 0 };
      tried.set(shard, found);
      if (fault === 'in_doubt') found.doubted = true;
      else if (!found.doubted) found.refusals++;
    },
    kept: (shard) => void tried.delete(shard),
  };
}
