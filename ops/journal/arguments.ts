import { StartError } from '../process/start-error.ts';

export const usage = `npm run journal -- status
    What every shard's journal and PostgreSQL say about each other.
npm run journal -- adopt <shard>… | --all [--yes]
    Ends the quarantine of shards that lost something. Without --yes it only says what it would do.
`;

/** `adopt` without shards: all of them. */
export type Wish = { command: 'help' | 'status' } | { command: 'adopt'; shards: number[]; yes: boolean };

/** Throws a StartError for what it does not know. */
export function readArguments(argv: readonly string[], shards: number): Wish {
  const [command, ...rest] = argv;
  if (command === undefined || argv.includes('--help')) return { command: 'help' };
  if (command === 'status' && rest.length === 0) return { command };
  if (command !== 'adopt') throw new StartError(`There is no ${JSON.stringify(argv.join(' '))}:\n${usage}`);
  const yes = rest.includes('--yes');
  const all = rest.includes('--all');
  const named = rest.filter((argument) => argument !== '--yes' && argument !== '--all');
  const wrong = named.find((argument) => !/^\d{1,4}$/.test(argument) || Number(argument) >= shards);
  if (wrong !== undefined)
    throw new StartError(`${JSON.stringify(wrong)} is no shard: they go from 0 to ${shards - 1}.`);
  if (all === named.length > 0) throw new StartError(`adopt takes shards or --all:\n${usage}`);
  const wanted = all ? Array.from({ length: shards }, (_, shard) => shard) : [...new Set(named.map(Number))];
  return { command, shards: wanted, yes };
}
