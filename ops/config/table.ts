import type { Field } from './field.ts';
import { fields } from './fields.ts';

const heads = ['setting', 'takes', 'default', 'meaning'];

/** The field table in words: a row per setting, in the table's order. */
export function settingsRows(): string[][] {
  return Object.values<Field<unknown>>(fields).map((field) => [
    field.name,
    field.secret ? `${field.type} (secret)` : field.type,
    [field.shown, field.unit].filter((part) => part !== '').join(' '),
    field.meaning,
  ]);
}

/** What `npm start -- --help` prints. */
export function helpText(): string {
  const rows = [heads, ...settingsRows()];
  const widths = heads.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
  return ['Suhbat: npm start', 'Settings are environment variables.', '', ...lines]
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}

/** The same table as README shows it. */
export function settingsMarkdown(): string {
  const cells = settingsRows().map(([name, ...rest]) => [`\`${name}\``, ...rest]);
  return [heads, heads.map(() => '---'), ...cells].map((row) => `| ${row.join(' | ')} |\n`).join('');
}
