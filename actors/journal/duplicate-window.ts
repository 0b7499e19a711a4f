/** How many of a shard's newest records a repeated append is recognised among. */
const REMEMBERED = 16;

/**
 * One shard's duplicate window: the message ids of its newest records, counted and not timed, so that a
 * restart finds the same window in the records themselves. A writer has one append per shard in flight,
 * so the newest one would do.
 */
export interface DuplicateWindow {
  /** Where the record with this id stands; undefined for one that was not seen in the window. */
  position(messageId: string): number | undefined;
  remember(messageId: string, position: number): void;
}

export function createDuplicateWindow(): DuplicateWindow {
  const positions = new Map<string, number>();
  return {
    position: (messageId) => positions.get(messageId),
    remember(messageId, position) {
      positions.set(messageId, position);
      if (positions.size <= REMEMBERED) return;
      const oldest = positions.keys().next().value;
      if (oldest !== undefined) positions.delete(oldest);
    },
  };
}
