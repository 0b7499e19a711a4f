import { barWords, type Row, reached, type Verdict } from '../scenario.ts';

/** Names of the figures in the order in which they first come. */
function figureNames(rows: readonly Row[]): string[] {
  return [...new Set(rows.flatMap(({ figures }) => Object.keys(figures)))];
}

const number = new Intl.NumberFormat('en', { maximumFractionDigits: 2 });

function cellsOf(rows: readonly Row[]): string[][] {
  const names = figureNames(rows);
  const cell = (value: number | undefined) =>
    value === undefined || Number.isNaN(value) ? '–' : number.format(value);
  return [
    ['case', 'subject', ...names],
    ...rows.map((row) => [row.case, row.subject, ...names.map((name) => cell(row.figures[name]))]),
  ];
}

function verdictCells(verdicts: readonly Verdict[]): string[][] {
  return [
    ['what', 'measured', 'bar', ''],
    ...verdicts.map((verdict) => [
      verdict.what,
      `${number.format(verdict.value)} ${verdict.unit}`.trim(),
      barWords(verdict),
      reached(verdict) ? 'reached' : 'missed',
    ]),
  ];
}

function aligned(cells: readonly string[][]): string {
  const widths = (cells[0] ?? []).map((_, column) =>
    Math.max(...cells.map((row) => row[column]?.length ?? 0)),
  );
  return cells
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function markdown(cells: readonly string[][]): string {
  const [head = [], ...rest] = cells;
  const line = (row: readonly string[]) => `| ${row.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rest.map(line)].join('\n');
}

/** For the terminal. */
export function printed(rows: readonly Row[], verdicts: readonly Verdict[]): string {
  const parts = [aligned(cellsOf(rows))];
  if (verdicts.length > 0) parts.push(aligned(verdictCells(verdicts)));
  return parts.join('\n\n');
}

/** For RESULTS.md. */
export function written(rows: readonly Row[], verdicts: readonly Verdict[]): string {
  const parts = [markdown(cellsOf(rows))];
  if (verdicts.length > 0) parts.push(markdown(verdictCells(verdicts)));
  return parts.join('\n\n');
}
