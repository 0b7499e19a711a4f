/** What a search of messages looks for, and where in a text it is. */

/** One word of a query: the same regular expression, to be matched without regard to case, for both engines. */
export interface SearchWord {
  sql: string;
  js: RegExp;
  /** Does the trigram index know it? It knows letters and digits alone. */
  indexed: boolean;
}

/** Fewer letters have no trigram, but where they begin a word: then the gap before them counts. */
const anywhereFrom = 3;

/**
 * The words of a query, which has at least one. A message matches when it has every one of them, in any order and
 * case: a word of three letters or digits in a row anywhere in its text, a shorter one at the beginning of a word.
 * Other characters stand for themselves, but for those that people type for an apostrophe: they are one and the same.
 *
 * The longest comes first: it is the likeliest to be missing, and then the others need not be looked for.
 */
export function wordsOf(query: string): SearchWord[] {
  const words = new Set(query.normalize('NFC').toLowerCase().trim().split(/\s+/));
  return [...words].sort((one, other) => other.length - one.length).map(wordOf);
}

function wordOf(word: string): SearchWord {
  const text = [...word].map(signOf).join('');
  const runs = word.replaceAll(anyApostrophe, ' ').match(/[\p{L}\p{N}]+/gu) ?? [];
  if (runs.some((run) => [...run].length >= anywhereFrom))
    return { sql: text, js: new RegExp(text, 'giu'), indexed: true };
  if (!/^[\p{L}\p{N}]/u.test(word)) return { sql: text, js: new RegExp(text, 'giu'), indexed: false };
  return { sql: `(?:^|${gap})${text}`, js: new RegExp(`(?<=^|${gap})${text}`, 'giu'), indexed: true };
}

const apostrophes = `['‘’ʻʼ´\`]`;
const anyApostrophe = new RegExp(apostrophes, 'gu');

/**
 * What may stand before a word of one or two letters. Named one by one, and none above U+07FF: pg_trgm gives up on
 * other classes, and then a word of two letters reads the whole index and table (2 s for a million messages, not 25 ms).
 */
const gap = `[ \\t\\n\\r\u00a0.,!?;:()\\[\\]{}<>"«»/\\\\|+*=~#@&%_\\-]`;

function signOf(sign: string): string {
  if (apostrophes.slice(1, -1).includes(sign)) return apostrophes;
  return sign.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&');
}

/** A part of a text, and where in it words were found: UTF-16 code units, the end exclusive. */
export interface Excerpt {
  excerpt: string;
  highlights: [number, number][];
}

/** Code units of an excerpt, and how many of them stand before what was found first. */
const excerptLength = 160;
const before = 40;

/** Undefined where one of the words is not in the text. */
export function excerptOf(text: string, words: readonly SearchWord[]): Excerpt | undefined {
  const found = words.map(({ js }) => [...text.matchAll(js)].map(placeOf));
  if (found.some((places) => places.length === 0)) return undefined;
  const places = joined(found.flat());
  const [first] = places as [[number, number]];
  const from = whole(text, Math.max(0, Math.min(first[0] - before, text.length - excerptLength)));
  const to = whole(text, Math.min(text.length, Math.max(from + excerptLength, first[1])));
  const head = from > 0 ? '…' : '';
  const shift = head.length - from;
  return {
    excerpt: head + text.slice(from, to) + (to < text.length ? '…' : ''),
    highlights: places
      .filter(([start, end]) => start >= from && end <= to)
      .map(([start, end]) => [start + shift, end + shift]),
  };
}

function placeOf(match: RegExpExecArray): [number, number] {
  return [match.index, match.index + match[0].length];
}

/** In order; those that touch become one. */
function joined(places: readonly [number, number][]): [number, number][] {
  const all: [number, number][] = [];
  for (const [start, end] of places.toSorted((one, other) => one[0] - other[0] || one[1] - other[1])) {
    const last = all.at(-1);
    if (last !== undefined && start <= last[1]) last[1] = Math.max(last[1], end);
    else all.push([start, end]);
  }
  return all;
}

/** The place, or the one before it where it would split a surrogate pair. */
function whole(text: string, at: number): number {
  const code = text.charCodeAt(at);
  const isLow = code >= 0xdc00 && code <= 0xdfff;
  return isLow && at > 0 ? at - 1 : at;
}
