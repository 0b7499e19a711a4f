import type { Database } from '../../ops/connections/postgres.ts';
import { type Found, lookUp, type Place, type Wanted, walk } from './message-search.store.ts';

/** How much one page may cost. */
export interface SearchBounds {
  /** Messages that are read before the index is asked; 1 µs each. */
  glance: number;
  /** Milliseconds that the index may take. */
  patienceMs: number;
  /** Messages that are read where no index helps. */
  longWalk: number;
}

/** Measured in `ops/decisions/0010-message-search.md`: half of the 100 ms that a page may take. */
const searchBounds: SearchBounds = { glance: 8192, patienceMs: 60, longWalk: 24_576 };

/** Where a page begins: what its cursor says. */
export interface Position {
  before?: Place;
  /** The index was too slow for these words: it is not asked again. */
  wide: boolean;
}

export interface FoundPage {
  places: Place[];
  /** Undefined: there is no more. */
  next?: Position & { before: Place };
}

/**
 * A page of what is wanted, newest first. What people look for is mostly new, and words that many messages have are
 * found at once: so the newest messages are read first. Only then the index is asked, which is quick for what few
 * messages have. Where it is not, the page ends with what was read, and those that follow read on.
 */
export async function findMessages(
  db: Database,
  wanted: Omit<Wanted, 'before'>,
  { before, wide }: Position,
  bounds: SearchBounds = searchBounds,
): Promise<FoundPage> {
  const from: Wanted = { ...wanted, ...(before && { before }) };
  const askIndex = !wide && wanted.words.some(({ indexed }) => indexed);
  const near = await walk(db, from, askIndex ? bounds.glance : bounds.longWalk);
  const missing = wanted.limit - near.places.length;
  if (near.next === undefined || missing === 0 || !askIndex) return pageOf(near, wide);
  const far = await lookUp(db, { ...wanted, before: near.next, limit: missing }, bounds.patienceMs);
  if (far === undefined) return pageOf(near, true);
  return pageOf({ ...far, places: [...near.places, ...far.places] }, false);
}

function pageOf({ places, next }: Found, wide: boolean): FoundPage {
  return { places, ...(next && { next: { before: next, wide } }) };
}
