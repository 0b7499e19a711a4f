import type { Transaction } from '../../ops/connections/postgres.ts';
import { blockedAmong } from './relations.store.ts';
import {
  type Alike,
  alikeWords,
  type Candidate,
  places,
  readSteps,
  type Step,
  type Where,
} from './search.store.ts';
import type { SearchPlace } from './search-cursor.ts';

/**
 * Finding people by name, best first: usernames that begin so (the name itself is the first of them), then display
 * names, then those of which the second or third word does; after them, step by step, names that begin with a word
 * that is like the one searched for. Each person stands where they are found first.
 *
 * Every step is a range of an index read in its order, so a page costs the same whether a beginning has ten people
 * or all, and goes on exactly where another ended. What is read for one page is bounded: where nearly all have stood
 * on pages before, it ends early and is continued by the next.
 */

export interface Wanted {
  /** As it was typed. */
  text: string;
  viewer: string;
  after: SearchPlace | undefined;
  limit: number;
}

export interface PeoplePage {
  ids: string[];
  next: SearchPlace | undefined;
}

/** Characters of a name that are compared: as `name_from` cuts them. */
const keyLength = 32;
/** A shorter word has too few trigrams to be like anything. */
const leastFuzzy = 3;
/** Words of the text that are taken for slips of the pen, words that each is taken for, and texts made of them. */
const most = { words: 3, alike: 8, ofEach: 3, phrases: 8, phraseBytes: 400 };
/** Steps in one statement, statements for a page, people of one step in a statement. */
const bounds = { steps: 8, rounds: 12, size: 1000 };

export async function findPeople(
  db: Transaction,
  { text, viewer, after, limit }: Wanted,
): Promise<PeoplePage> {
  // Letter by letter, as PostgreSQL does it: a sigma at the end is the same as elsewhere.
  const begins = cut([...text].map((letter) => letter.toLowerCase()).join(''));
  let phrases = after?.phrases;
  let steps = stepsOf(begins, phrases);
  const ids: string[] = [];
  let last: SearchPlace | undefined;
  let from = after && { key: after.key, id: after.id };
  let size = limit + 1;
  for (let at = after?.step ?? 0, round = 0; ; round++) {
    if (at >= steps.length && phrases === undefined) {
      phrases = await phrasesFor(db, begins);
      steps = stepsOf(begins, phrases);
    }
    if (at >= steps.length) return { ids, next: undefined };
    if (round === bounds.rounds) return { ids, next: last };
    const asked = steps.slice(at, at + bounds.steps);
    const rows = await readSteps(db, asked, { after: from, size });
    const full = asked.findIndex((_, step) => rows.filter((row) => row.step === step).length === size);
    const read = full < 0 ? rows : rows.filter(({ step }) => step <= full);
    const fresh = read.filter((row) => !steps.slice(0, at + row.step).some((step) => fits(row, step)));
    const wanted = fresh.slice(0, limit + 1 - ids.length);
    const blocked = await blockedAmong(
      db,
      viewer,
      wanted.map(({ id }) => id),
    );
    for (const row of wanted) {
      if (blocked.has(row.id)) continue;
      if (ids.length === limit) return { ids, next: last };
      ids.push(row.id);
      last = placeOf(row, at, phrases);
    }
    // Blocks have left room for more of what was read: it is read again from here.
    const end = wanted.length < fresh.length ? wanted.at(-1) : full < 0 ? undefined : read.at(-1);
    if (end === undefined) {
      at += asked.length;
      from = undefined;
      size = limit + 1;
    } else {
      // Whoever stood there was found before, or is hidden, or the page is not full yet.
      last = placeOf(end, at, phrases);
      at = last.step;
      from = { key: end.key, id: end.id };
      size = Math.min(4 * size, bounds.size);
    }
  }
}

function placeOf(
  { step, key, id }: Candidate,
  at: number,
  phrases: readonly string[] | undefined,
): SearchPlace {
  return { step: at + step, key, id, phrases };
}

function stepsOf(begins: string, phrases: readonly string[] = []): Step[] {
  return [
    ...places.map((where) => ({ where, begins })),
    ...phrases.flatMap((phrase) => placesOf(phrase).map((where) => ({ where, begins: phrase }))),
  ];
}

/** No username has a space, and few display names have digits. */
function placesOf(phrase: string): readonly Where[] {
  if (phrase.includes(' ')) return ['name_1', 'name_2'];
  return /[\d_]/.test(phrase) ? ['username'] : places;
}

/** Would this step find them too? Names are cut as `name_from` cuts them. */
function fits({ username, display_name }: Candidate, { where, begins }: Step): boolean {
  const nth = places.indexOf(where);
  if (nth === 0) return username.startsWith(begins);
  const words = new RegExp(`^ *(?:[^ ]+ +){${nth - 1}}([^ ].*)$`, 's').exec(display_name ?? '');
  return words?.[1]?.startsWith(begins) === true;
}

function cut(text: string): string {
  return [...text].slice(0, keyLength).join('');
}

/** What the text may have been meant to be, the likeliest first. */
async function phrasesFor(db: Transaction, begins: string): Promise<string[]> {
  const words = begins
    .split(/\s+/)
    .filter((word) => word !== '')
    .slice(0, most.words);
  // Usernames often end in digits that no word of a name has.
  const split = words.map((word) => /^([a-z]{3,})([\d_]\w*)$/.exec(word)?.slice(1) ?? [word, '']) as [
    string,
    string,
  ][];
  const asked = split.map(([stem]) => stem);
  if (asked.length === 0 || asked.some((stem) => [...stem].length < leastFuzzy)) return [];
  const found = await alikeWords(db, [...new Set(asked)], most.alike);
  const [[, rest] = ['', '']] = split;
  const texts = split.length === 1 ? ofOneWord(found, rest) : ofManyWords(found, asked);
  return chosen(begins, texts);
}

/** Each word with the digits that were searched for, then each alone. */
function ofOneWord(found: readonly Alike[], rest: string): string[] {
  const words = found.map(({ word }) => word);
  return rest === ''
    ? words
    : [...words.slice(0, most.phrases / 2).map((word) => cut(word + rest)), ...words];
}

/** One word for each, in every way, the likelier ways first. */
function ofManyWords(found: readonly Alike[], asked: readonly string[]): string[] {
  let ways: { text: string; likeness: number }[] = [{ text: '', likeness: 0 }];
  for (const stem of asked) {
    const near = found.filter(({ of }) => of === stem).slice(0, most.ofEach);
    ways = ways.flatMap(({ text, likeness }) =>
      near.map((alike) => ({ text: `${text} ${alike.word}`, likeness: likeness + alike.likeness })),
    );
  }
  ways.sort((a, b) => b.likeness - a.likeness || (a.text < b.text ? -1 : 1));
  return ways.map(({ text }) => cut(text.trim()));
}

/** Without those that find nobody whom one before does not find. */
function chosen(begins: string, texts: readonly string[]): string[] {
  const phrases: string[] = [];
  let bytes = 0;
  for (const text of texts) {
    if ([begins, ...phrases].some((phrase) => text.startsWith(phrase))) continue;
    bytes += Buffer.byteLength(text);
    if (phrases.length === most.phrases || bytes > most.phraseBytes) break;
    phrases.push(text);
  }
  return phrases;
}
