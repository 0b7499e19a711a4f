import type { Clock } from '../../ops/process/clock.ts';
import { shardOf } from '../client/shard-of.ts';
import { type Journal, JournalError } from '../journal/journal.ts';
import { persist } from './claim.ts';
import { type Examined, examineShard } from './examine.ts';
import type { Checkpoint, FlushStore } from './flush-store.ts';
import type { AnyKind } from './kind.ts';
import { runtimeDefaults } from './options.ts';
import { type ActorEvent, actorKey } from './output.ts';
import { writeTakes } from './project.ts';
import { decodeRecord, encodeEvent, encodeRecord, type ShardRecord } from './record.ts';

/** How the actors of one kind go on when some of their events are lost. */
export interface Survivors<Tx, Event = unknown> {
  kind: AnyKind<Tx>;
  /** Of these events the ones that can be written, though others before them are lost. */
  fitting(tx: Tx, events: readonly { id: string; event: Event }[]): Promise<ReadonlySet<Event>>;
  /** In pages: one event for every actor that `mine` wants, which puts it far above all that it ever was. */
  raise(
    tx: Tx,
    mine: (id: string) => boolean,
    now: number,
  ): AsyncIterable<readonly { id: string; event: Event }[]>;
}

export interface AdoptParts<Tx> {
  /** Unique to this process: it writes to the journal as an owner does. */
  node: string;
  shards: number;
  journal: Journal;
  store: FlushStore<Tx>;
  survivors: readonly Survivors<Tx>[];
  clock: Clock;
}

/** What an adoption did, in events and actors. */
export interface Adopted {
  /** Found in the journal beyond what the checkpoint counts, and written if they were not. */
  replayed: number;
  /** Could not be written: they are in `dead_letters`. */
  buried: number;
  /** Records that could not be read. */
  unreadable: number;
  raised: number;
}

/** Somebody else writes to this shard. Nothing was changed; it may be tried again. */
export class NotAlone extends Error {}

const pageSize = runtimeDefaults.replayRecords;
const { batchBytes, inDoubtMs } = runtimeDefaults;

/**
 * Ends the quarantine of a shard whose journal or whose rows lost something: writes what the journal still
 * holds, over its holes; puts every actor far above its head; and lets the checkpoint row follow the journal as it
 * is. Undefined: the shard is whole, and nothing was done.
 *
 * It claims the shard like an owner does, so a live one is fenced; and all of PostgreSQL's part is one
 * transaction under the locked checkpoint row, so no flusher comes between. Killed in the middle it leaves the shard
 * broken as it was, to be adopted again. The actors' new events stay behind the new checkpoint: the next
 * owner tells them, as it does with every tail. What an owner has in its memory alone is lost: `seen` is the version
 * in which the shard was found before it had time to flush. Throws NotAlone, and what journal and store throw.
 */
export async function adoptShard<Tx>(
  shard: number,
  parts: AdoptParts<Tx>,
  seen?: string,
): Promise<Adopted | undefined> {
  const { journal, store } = parts;
  const found = await examineShard(shard, { journal, store: store as FlushStore, pageSize });
  if (found.broken === undefined) return undefined;
  if (seen !== undefined && found.version !== seen)
    throw new NotAlone(`Somebody still writes to shard ${shard}: an owner is not done with its flush.`);
  const epoch = Math.max(found.newest?.epoch ?? 0, found.checkpoint?.epoch ?? 0) + 1;
  const write = createWriter(shard, epoch, found.newest?.position ?? 0, parts);
  const claim = await write('claim');
  const adopted: Adopted = { replayed: 0, buried: 0, unreadable: 0, raised: 0 };
  await store.transaction(0, async (tx) => {
    const row = (await store.lock(tx, [shard])).get(shard);
    if (!same(row, found.checkpoint)) throw new NotAlone(`The checkpoint of shard ${shard} moves.`);
    await replay(tx, shard, found, claim, parts, adopted);
    for (const { kind, raise } of parts.survivors) {
      const mine = (id: string) => shardOf(kind.name, id, parts.shards) === shard;
      for await (const page of raise(tx, mine, parts.clock.now())) {
        await writeInBatches(write, kind.name, page);
        adopted.raised += page.length;
      }
    }
    await store.adopt(tx, shard, { journal_id: journal.id, epoch, position: claim });
  });
  // Without it the next owner waits a second longer.
  await write('release').catch(() => undefined);
  return adopted;

  function same(row: Checkpoint | undefined, before: Checkpoint | undefined): boolean {
    return (
      row?.journal_id === before?.journal_id &&
      row?.epoch === before?.epoch &&
      row?.position === before?.position
    );
  }
}

type Write = (type: ShardRecord['type'], events?: readonly string[]) => Promise<number>;

/** Appends one record after the other, each after the one before. */
function createWriter<Tx>(
  shard: number,
  epoch: number,
  newest: number,
  { node, journal, clock }: AdoptParts<Tx>,
): Write {
  let previous = newest;
  let attempt = 0;
  return async (type, events) => {
    const payload = encodeRecord({ type, epoch, previous, node }, events);
    const messageId = `${shard}/${epoch}/${node}/adopt-${++attempt}`;
    const append = { shard, messageId, expected: previous, payload };
    try {
      previous = await persist({ journal, clock, options: runtimeDefaults }, append, inDoubtMs);
    } catch (error) {
      if (error instanceof JournalError && error.fault === 'refused')
        throw new NotAlone(`Another process writes to the journal of shard ${shard}.`);
      throw error;
    }
    return previous;
  };
}

async function writeInBatches(
  write: Write,
  kind: string,
  page: readonly { id: string; event: unknown }[],
): Promise<void> {
  let batch: string[] = [];
  let bytes = 0;
  for (const { id, event } of page) {
    const text = encodeEvent(kind, id, JSON.stringify(event));
    if (bytes > 0 && bytes + text.length > batchBytes) {
      await write('batch', batch);
      batch = [];
      bytes = 0;
    }
    batch.push(text);
    bytes += text.length;
  }
  if (batch.length > 0) await write('batch', batch);
}

/** Everything that the journal holds beyond the checkpoint and before one's own claim, whatever is missing between. */
async function replay<Tx>(
  tx: Tx,
  shard: number,
  { checkpoint }: Examined,
  claim: number,
  parts: AdoptParts<Tx>,
  adopted: Adopted,
): Promise<void> {
  const { journal } = parts;
  // What another journal counted says nothing about this one.
  let position = checkpoint?.journal_id === journal.id ? checkpoint.position : 0;
  while (position < claim) {
    const page = await journal.read(shard, position, pageSize);
    if (page.length === 0) return;
    for (const entry of page) {
      position = entry.position;
      if (position >= claim) return;
      const record = readable(entry.payload);
      if (record === undefined) adopted.unreadable++;
      else await writeRecord(tx, shard, position, record, parts, adopted);
    }
  }
}

async function writeRecord<Tx>(
  tx: Tx,
  shard: number,
  position: number,
  { events }: ShardRecord,
  parts: AdoptParts<Tx>,
  adopted: Adopted,
): Promise<void> {
  if (events.length === 0) return;
  const fitting = new Set<unknown>();
  for (const survivors of parts.survivors) {
    const own = events.filter(([kind]) => kind === survivors.kind.name);
    if (own.length === 0) continue;
    const pieces = own.map(([, id, event]) => ({ id, event }));
    for (const event of await survivors.fitting(tx, pieces)) fitting.add(event);
  }
  const items: ActorEvent[] = [];
  for (const [kind, id, event] of events)
    if (fitting.has(event)) items.push({ kind, id, actor: actorKey(kind, id), event });
    else {
      adopted.buried++;
      const error = 'what it belongs to was lost before it';
      await parts.store.bury(tx, { shard, position, kind, actor_id: id, event, error, freezes: false });
    }
  const kinds = new Map(parts.survivors.map(({ kind }) => [kind.name, kind]));
  const take = { shard: { number: shard }, items: [{ position, events: items }], marks: [] };
  // Carefully: what PostgreSQL refuses must not hold up the rest.
  const buried = await writeTakes(tx, [take], { store: parts.store, kinds, careful: true, fault() {} });
  adopted.buried += buried.length;
  adopted.replayed += items.length - buried.length;
}

function readable(payload: Buffer): ShardRecord | undefined {
  try {
    return decodeRecord(payload);
  } catch {
    return undefined;
  }
}
