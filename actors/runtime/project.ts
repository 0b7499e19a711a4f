import type { FlushItem } from './flush-queue.ts';
import type { FlushStore } from './flush-store.ts';
import type { AnyKind } from './kind.ts';
import type { ActorEvent, PendingMark } from './output.ts';

/** What one shard gives to a flush. `Shard`: how the caller knows it. */
export interface ShardTake<Shard extends Numbered> {
  shard: Shard;
  items: readonly Pick<FlushItem, 'position' | 'events'>[];
  marks: readonly PendingMark[];
}

export interface Numbered {
  number: number;
}

/** Data that PostgreSQL refused. */
export interface Buried<Shard extends Numbered> {
  shard: Shard;
  kind: string;
  /** The actor that cannot go on without it. */
  freezes: string | undefined;
}

export interface ProjectParts<Tx> {
  store: FlushStore<Tx>;
  kinds: ReadonlyMap<string, AnyKind<Tx>>;
  /** Look for data that PostgreSQL refuses, and put it into `dead_letters`. */
  careful: boolean;
  fault(message: string, error: unknown): void;
}

interface PlacedEvent<Shard extends Numbered> extends ActorEvent {
  shard: Shard;
  position: number;
}

interface PlacedMark<Shard extends Numbered> extends PendingMark {
  shard: Shard;
}

/** Hands all events and marks of a transaction to their kinds: per kind in bulk, in the shards' order. */
export async function writeTakes<Tx, Shard extends Numbered>(
  tx: Tx,
  takes: readonly ShardTake<Shard>[],
  parts: ProjectParts<Tx>,
): Promise<Buried<Shard>[]> {
  const buried: Buried<Shard>[] = [];
  for (const [name, { events, marks }] of byKind(takes)) {
    const kind = parts.kinds.get(name);
    if (kind === undefined) {
      // Of a version that knew this kind: it must not be dropped silently.
      for (const event of events)
        buried.push(await bury(tx, undefined, event, new Error(`unknown kind ${name}`), parts));
    } else if (!parts.careful) {
      await kind.project(tx, { events, marks });
    } else {
      const writeEvents = (some: readonly PlacedEvent<Shard>[], inner: Tx) =>
        kind.project(inner, { events: [...some], marks: [] });
      const writeMarks = (some: readonly PlacedMark<Shard>[], inner: Tx) =>
        kind.project(inner, { events: [], marks: [...some] });
      await bisect(tx, events, writeEvents, parts, async (event, error) => {
        buried.push(await bury(tx, kind, event, error, parts));
      });
      // A mark that PostgreSQL refuses is dropped: clients send it again.
      await bisect(tx, marks, writeMarks, parts, async ({ shard }, error) => {
        parts.fault(`a mark of kind ${name} was refused`, error);
        buried.push({ shard, kind: name, freezes: undefined });
      });
    }
  }
  return buried;
}

function byKind<Shard extends Numbered>(takes: readonly ShardTake<Shard>[]) {
  const kinds = new Map<string, { events: PlacedEvent<Shard>[]; marks: PlacedMark<Shard>[] }>();
  const of = (kind: string) => {
    const found = kinds.get(kind) ?? { events: [], marks: [] };
    kinds.set(kind, found);
    return found;
  };
  for (const { shard, items, marks } of takes) {
    for (const { position, events } of items)
      for (const event of events) of(event.kind).events.push({ ...event, shard, position });
    for (const mark of marks) of(mark.kind).marks.push({ ...mark, shard });
  }
  return kinds;
}

/** Writes under savepoints; halves what PostgreSQL refuses until single pieces are left to give up. */
async function bisect<Tx, Piece>(
  tx: Tx,
  pieces: readonly Piece[],
  write: (pieces: readonly Piece[], tx: Tx) => Promise<void>,
  parts: ProjectParts<Tx>,
  giveUp: (piece: Piece, error: unknown) => Promise<void>,
): Promise<void> {
  const [first] = pieces;
  if (first === undefined) return;
  try {
    await parts.store.savepoint(tx, (inner) => write(pieces, inner));
  } catch (error) {
    if (!parts.store.poison(error)) throw error;
    if (pieces.length === 1) return giveUp(first, error);
    const half = Math.ceil(pieces.length / 2);
    await bisect(tx, pieces.slice(0, half), write, parts, giveUp);
    await bisect(tx, pieces.slice(half), write, parts, giveUp);
  }
}

/** Keeps an event for repair; its kind puts something in its place, or else the actor stands still. */
async function bury<Tx, Shard extends Numbered>(
  tx: Tx,
  kind: AnyKind<Tx> | undefined,
  { shard, position, kind: name, id, actor, event }: PlacedEvent<Shard>,
  error: unknown,
  { store }: ProjectParts<Tx>,
): Promise<Buried<Shard>> {
  let goesOn = false;
  try {
    if (kind !== undefined)
      await store.savepoint(tx, async (inner) => {
        goesOn = await kind.bury(inner, id, event);
      });
  } catch (refused) {
    if (!store.poison(refused)) throw refused;
    goesOn = false;
  }
  const freezes = !goesOn;
  const why = error instanceof Error ? error.message : String(error);
  await store.bury(tx, {
    shard: shard.number,
    position,
    kind: name,
    actor_id: id,
    event,
    error: why,
    freezes,
  });
  return { shard, kind: name, freezes: freezes ? actor : undefined };
}
