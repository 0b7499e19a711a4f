import { parseArgs } from 'node:util';

export interface Options {
  scenarios: string[];
  short: boolean;
  list: boolean;
  help: boolean;
  profile: boolean;
  heap: boolean;
  alone: boolean;
  dry: boolean;
  compare: string | undefined;
  rounds: number;
}

export const help = `npm run bench -- [options] [scenario…]

Measures Suhbat beside its peers, on this machine, in one run. Without scenarios: all of them, in about half an hour.

  --short            only what a developer's loop needs: a minute or two
  --list             the scenarios, a line each
  --compare COMMIT   this checkout and that commit in turn: the ratio of each figure, and its spread
  --rounds N         how often each is run for a comparison (3)
  --alone            Suhbat without its peers
  --profile          a CPU profile of Suhbat under each load, in data/bench/profiles, and what was hottest
  --heap             the same of memory: what was allocated, garbage included
  --dry              prints, and writes no results
  --help             this
`;

/** Error with a sentence for what is not understood. */
export function readOptions(args: readonly string[], known: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      short: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      heap: { type: 'boolean', default: false },
      alone: { type: 'boolean', default: false },
      dry: { type: 'boolean', default: false },
      compare: { type: 'string' },
      rounds: { type: 'string', default: '3' },
    },
  });
  const strange = positionals.find((name) => !known.includes(name));
  if (strange !== undefined) throw new Error(`There is no scenario "${strange}", but: ${known.join(', ')}.`);
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100)
    throw new Error(`--rounds takes a number from 1 to 100, not "${values.rounds}".`);
  return { ...values, compare: values.compare, rounds, scenarios: positionals };
}
