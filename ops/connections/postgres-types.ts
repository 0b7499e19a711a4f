import pg from 'pg';

/** PostgreSQL's fixed numbers for the types (and their arrays) that become other values than pg's own. */
const parsers = new Map<number, (text: string) => unknown>([
  [20, Number], // int8: seqs, numbers and positions stay far below 2^53
  [1016, (text) => array(text, Number)],
  [1700, Number], // numeric: sums and averages
  [1184, isoTime], // timestamptz
  [1185, (text) => array(text, isoTime)],
  [1082, (text) => text], // date: a day is no moment
]);

const textArray: number = 1009;
const parseTextArray = pg.types.getTypeParser(textArray, 'text');

export const typeParsers: pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    (format === 'binary' ? undefined : parsers.get(oid)) ?? pg.types.getTypeParser(oid, format as 'text'),
};

/**
 * PostgreSQL's `2026-01-31 10:00:00.5+00`, or `2026-01-31T10:00:00.5+00:00` from its JSON, as
 * `2026-01-31T10:00:00.500Z`, the form in which the API gives times. Cut and joined where the session is in UTC:
 * making a Date for every row costs ten times as much.
 */
export function isoTime(text: string): string {
  if (text.endsWith('infinity') || text.endsWith('BC')) return text;
  const zone = text.endsWith('+00') ? 3 : text.endsWith('+00:00') ? 6 : 0;
  if (zone > 0 && text.length >= 19 + zone && (text[10] === ' ' || text[10] === 'T')) {
    const fraction = text[19] === '.' ? text.slice(20, -zone) : '';
    return `${text.slice(0, 10)}T${text.slice(11, 19)}.${fraction.padEnd(3, '0').slice(0, 3)}Z`;
  }
  return new Date(text).toISOString();
}

function array(text: string, item: (text: string) => unknown): unknown[] {
  const texts: (string | null)[] = parseTextArray(text);
  return texts.map((each) => (each === null ? null : item(each)));
}
