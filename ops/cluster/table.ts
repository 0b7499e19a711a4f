import type { NodeState } from './node.ts';
import { rateOf, type Sample } from './sample.ts';

export interface Row {
  key: string;
  name: string;
  state: NodeState;
  pid: number;
  url: string | undefined;
  sample: Sample | undefined;
  before: Sample | undefined;
}

const heads = [
  '',
  'process',
  'state',
  'pid',
  'shards',
  'conns',
  'msg/s',
  'lag s',
  'refused',
  'cpu %',
  'MiB',
  'url',
];
const rightFrom = 3;
const rightTo = 10;
const MiB = 1024 * 1024;

/** The live table, a line a row, columns aligned; the row with the key `selected` is marked. */
export function tableLines(rows: readonly Row[], selected: string): string[] {
  const cells = rows.map((row) => cellsOf(row, row.key === selected));
  const widths = heads.map((head, at) => Math.max(head.length, ...cells.map((row) => row[at]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, at) =>
        at >= rightFrom && at <= rightTo ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return [line(heads), ...cells.map(line)];
}

function cellsOf({ key, name, state, pid, url, sample, before }: Row, selected: boolean): string[] {
  const head = [`${selected ? '>' : ' '}${key}`, name, state, pid === 0 ? '–' : String(pid)];
  if (sample === undefined) return [...head, ...Array.from({ length: 7 }, () => '–'), url ?? ''];
  const quarantined = sample.quarantined > 0 ? ` (${sample.quarantined} in quarantine)` : '';
  return [
    ...head,
    `${sample.shards}${quarantined}`,
    String(sample.connections),
    rateOf(before, sample, 'messages').toFixed(0),
    sample.flushLag.toFixed(2),
    String(sample.refusedAppends),
    (rateOf(before, sample, 'cpu') * 100).toFixed(0),
    (sample.memory / MiB).toFixed(0),
    url ?? '',
  ];
}
