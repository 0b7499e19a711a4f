import type { Bench } from './bench.ts';

/** One line of a scenario's table: what a subject did in a case. Units stand in the names of the figures. */
export interface Row {
  case: string;
  subject: string;
  figures: Record<string, number>;
}

/** A figure that `targets.md` or an issue sets a bar for. */
export interface Verdict {
  what: string;
  value: number;
  unit: string;
  /** Reached at or below `max`, at or above `min`. */
  bar: { max: number } | { min: number };
}

export interface Chart {
  title: string;
  /** The figure that is drawn, a bar for each row. */
  figure: string;
}

export interface Scenario {
  name: string;
  /** One sentence: what it answers. */
  about: string;
  /** Part of the short form. */
  short: boolean;
  charts: readonly Chart[];
  run(bench: Bench): Promise<{ rows: Row[]; verdicts: Verdict[] }>;
}

export function reached({ value, bar }: Verdict): boolean {
  return 'max' in bar ? value <= bar.max : value >= bar.min;
}

export function barWords({ bar, unit }: Verdict): string {
  return `${'max' in bar ? `≤ ${bar.max}` : `≥ ${bar.min}`}${unit === '' ? '' : ` ${unit}`}`;
}
