import type { FlushItem } from './flush-queue.ts';
import type { FlushStore } from './flush-store.ts';
import type { AnyKind } from './kind.ts';
import type { RuntimeObserver } from './observer.ts';
import { actorKey, type PendingMark } from './output.ts';
import type { OwnedShard } from './shard.ts';

/** What one shard gives to a flush. */
export interface ShardTake {
  shard: OwnedShard;
  items: FlushItem[];
  marks: PendingMark[];
}

interface PlacedEvent {
  shard: OwnedShard;
  position: number;
  id: string;
  event: unknown;
}

export interface ProjectParts<Tx> {
  store: FlushStore<Tx>;
  kinds: ReadonlyMap<string, AnyKind<Tx>>;
  observer: RuntimeObserver;
  /** Look for data that PostgreSQL refuses, and put it into `dead_letters`. */
  careful: boolean;
  /** Actors that cannot go on without an event that was buried. */
  frozen: { shard: OwnedShard; actor: string }[];
}

/** Hands all events and marks of a transaction to their kinds: per kind in bulk, in the shards' order. */
export async function writeTakes<Tx>(tx: Tx, takes: ShardTake[], parts: ProjectParts<Tx>): Promise<void> {
  for (const kind of parts.kinds.values()) {
    const events: PlacedEvent[] = [];
    const marks: { id: string; mark: unknown }[] = [];
    for (const { shard, items, marks: own } of takes) {
      for (const item of items)
        for (const one of item.events)
          if (one.kind === kind.name)
            events.push({ shard, position: item.position, id: one.id, event: one.event });
      for (const mark of own) if (mark.kind === kind.name) marks.push({ id: mark.id, mark: mark.mark });
    }
    if (events.length + marks.length === 0) continue;
    if (parts.careful) {
      await bisect(tx, kind, events, parts);
      if (marks.length > 0) await writeMarks(tx, kind, marks, parts);
    } else {
      await kind.project(tx, { events, marks });
    }
  }
}

/** Writes events under savepoints; halves what PostgreSQL refuses until single events are left to bury. */
async function bisect<Tx>(
  tx: Tx,
  kind: AnyKind<Tx>,
  events: PlacedEvent[],
  parts: ProjectParts<Tx>,
): Promise<void> {
  const [first] = events;
  if (first === undefined) return;
  try {
    await parts.store.savepoint(tx, (inner) => kind.project(inner, { events, marks: [] }));
  } catch (error) {
    if (!parts.store.poison(error)) throw error;
    if (events.length > 1) {
      const half = Math.ceil(events.length / 2);
      await bisect(tx, kind, events.slice(0, half), parts);
      await bisect(tx, kind, events.slice(half), parts);
      return;
    }
    const goesOn = await kind.bury(tx, first.id, first.event);
    await parts.store.bury(tx, {
      shard: first.shard.number,
      position: first.position,
      kind: kind.name,
      actor_id: first.id,
      event: first.event,
      error: error instanceof Error ? error.message : String(error),
      freezes: !goesOn,
    });
    if (!goesOn) parts.frozen.push({ shard: first.shard, actor: actorKey(kind.name, first.id) });
    parts.observer.buried(kind.name);
  }
}

/** Marks that PostgreSQL refuses are dropped: clients send them again. */
async function writeMarks<Tx>(
  tx: Tx,
  kind: AnyKind<Tx>,
  marks: { id: string; mark: unknown }[],
  parts: ProjectParts<Tx>,
): Promise<void> {
  try {
    await parts.store.savepoint(tx, (inner) => kind.project(inner, { events: [], marks }));
  } catch (error) {
    if (!parts.store.poison(error)) throw error;
    parts.observer.buried(kind.name);
  }
}
