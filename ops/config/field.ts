/** One setting: where it comes from, what it may be, and what it means to the operator. */
export interface Field<T> {
  /** The environment variable. */
  readonly name: string;
  /** What it takes, in words: shown in tables, and after "must be" in refusals. */
  readonly type: string;
  /** The value when it is not given; undefined where there is none. */
  readonly default: T;
  /** What the default looks like in tables. */
  readonly shown: string;
  readonly unit: string;
  readonly meaning: string;
  /** True: the value appears in no message, no log and no table. */
  readonly secret: boolean;
  /** The value that a text stands for, or undefined where it is none. */
  parse(text: string): T | undefined;
}

interface Words {
  name: string;
  meaning: string;
  unit?: string;
}

export function integer(words: Words & { default: number; min: number; max: number }): Field<number> {
  const { min, max } = words;
  return field(words, `a whole number from ${min} to ${max}`, words.default, (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max ? value : undefined;
  });
}

export function decimal(words: Words & { default: number; min: number; max: number }): Field<number> {
  const { min, max } = words;
  return field(words, `a number from ${min} to ${max}`, words.default, (text) => {
    const value = /^\d{1,9}(\.\d{1,9})?$/.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max ? value : undefined;
  });
}

export function text(words: Words & { default: string; pattern?: RegExp; type: string }): Field<string> {
  const pattern = words.pattern ?? /\S/;
  return field(words, words.type, words.default, (given) => (pattern.test(given) ? given : undefined));
}

export function choice<const Name extends string>(
  words: Words & { default: NoInfer<Name>; of: readonly Name[] },
): Field<Name> {
  return field(words, `one of ${words.of.join(', ')}`, words.default, (given) =>
    words.of.find((name) => name === given),
  );
}

/** A list separated by commas. Each item must pass `item`; none may come twice. */
export function list<Item extends string>(
  words: Words & { default: readonly Item[]; type: string; item: (item: string) => Item | undefined },
): Field<readonly Item[]> {
  return field(words, words.type, words.default, (given) => {
    const items = given.split(',').map((item) => words.item(item.trim()));
    if (items.some((item) => item === undefined) || new Set(items).size < items.length) return undefined;
    return Object.freeze(items as Item[]);
  });
}

/** A setting without a default: absent, or what `read` makes of the text. */
export function optional(
  words: Words & {
    type: string;
    read: (text: string) => string | undefined;
    secret?: boolean;
  },
): Field<string | undefined> {
  return {
    ...field<string | undefined>(words, words.type, undefined, words.read),
    secret: words.secret ?? false,
  };
}

function field<T>(
  { name, meaning, unit = '' }: Words,
  type: string,
  fallback: T,
  parse: (text: string) => T | undefined,
): Field<T> {
  const shown = fallback === undefined ? '' : String(fallback);
  return { name, type, default: fallback, shown, unit, meaning, secret: false, parse };
}
