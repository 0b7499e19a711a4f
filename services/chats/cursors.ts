import { fail, type SuhbatError } from '../../schemas/errors.ts';

/** Cursors are opaque to clients: the list's letter and the place where the next page begins. */
export function encodePlace(list: string, ...place: (string | number)[]): string {
  return Buffer.from([list, ...place].join(' ')).toString('base64url');
}

/** The place, of so many parts. Throws `invalid` for what this list did not give. */
export function decodePlace(list: string, cursor: string, parts: number): string[] {
  const [letter, ...place] = Buffer.from(cursor, 'base64url').toString().split(' ');
  if (letter !== list || place.length !== parts || !place.every((part) => known.test(part)))
    throw badCursor();
  return place;
}

export function badCursor(): SuhbatError {
  return fail('invalid', { reason: 'bad_cursor', detail: 'This cursor was not given by this list' });
}

/** Seqs, times and ids. */
const known = /^(\d{1,16}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z|[0-9a-f-]{36})$/;
