import { isMissing, type JournalDisk } from './journal-disk.ts';
import type { JournalState } from './journal-state.ts';
import { damaged, decodeRecord, type StoredRecord } from './record-codec.ts';
import type { Place } from './shard-index.ts';

/** Records of one shard that stand near each other are read together: up to this far apart … */
const GAP_BYTES = 16 * 1024;
/** … and up to this much at once. */
const RUN_BYTES = 1024 * 1024;

interface Run {
  path: string;
  at: number;
  end: number;
  places: Place[];
}

/**
 * The records at these places of one shard, checked. Undefined when a segment was deleted meanwhile: the
 * places must be looked up again.
 */
export async function readPlaces(
  disk: JournalDisk,
  state: JournalState,
  shard: number,
  places: readonly Place[],
): Promise<StoredRecord[] | undefined> {
  const records: StoredRecord[] = [];
  for (const run of runs(state, places)) {
    const bytes = await readRun(disk, run);
    if (bytes === undefined) return undefined;
    for (const place of run.places) {
      const record = decodeRecord(bytes, place.at - run.at);
      if (record?.shard !== shard || record.position !== place.position)
        throw damaged(run.path, place.at, `the record of position ${place.position} is not as written`);
      records.push(record);
    }
  }
  return records;
}

function runs(state: JournalState, places: readonly Place[]): Run[] {
  const paths = new Map(state.segments.map((segment) => [segment.ordinal, segment.path]));
  const found: Run[] = [];
  let run: Run | undefined;
  for (const place of places) {
    const path = paths.get(place.segment) as string;
    const end = place.at + place.bytes;
    if (run?.path === path && place.at - run.end <= GAP_BYTES && end - run.at <= RUN_BYTES) {
      run.end = end;
      run.places.push(place);
      continue;
    }
    run = { path, at: place.at, end, places: [place] };
    found.push(run);
  }
  return found;
}

async function readRun(disk: JournalDisk, run: Run): Promise<Buffer | undefined> {
  const file = await disk.open(run.path, 'read').catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  if (file === undefined) return undefined;
  try {
    const bytes = Buffer.allocUnsafeSlow(run.end - run.at);
    return bytes.subarray(0, await file.read(bytes, run.at));
  } finally {
    await file.close();
  }
}
