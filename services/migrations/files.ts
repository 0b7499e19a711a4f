import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StartError } from '../../ops/process/start-error.ts';

/** One step of the schema, forward only: `0001-users-and-logins.sql`. Never changed once it was released. */
export interface Migration {
  number: number;
  name: string;
  sql: string;
  /** SHA-256 of the text, with line ends as LF. */
  checksum: string;
}

/** The folder's migrations in order. Their numbers are 1, 2, 3 …: StartError where one lacks or is there twice. */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(names.map((name, index) => readMigration(folder, name, index + 1)));
}

async function readMigration(folder: string, file: string, number: number): Promise<Migration> {
  const expected = String(number).padStart(4, '0');
  if (!file.startsWith(`${expected}-`)) {
    throw new StartError(`Expected migration ${expected} in ${folder}, but found ${file}.`);
  }
  const sql = (await readFile(join(folder, file), 'utf8')).replaceAll('\r\n', '\n');
  const checksum = createHash('sha256').update(sql).digest('hex');
  return { number, name: file.slice(0, -'.sql'.length), sql, checksum };
}
