import { join } from 'node:path';
import { openDataFolder } from '../../../ops/embedded/data-folder.ts';
import { startEmbeddedPostgres } from '../../../ops/embedded/postgres.ts';
import { StartError } from '../../../ops/process/start-error.ts';

/**
 * A program that holds a data folder and its PostgreSQL until it is killed, or its standard input ends.
 * Writes one line: what a test wants to know, or the sentence with which it does not start.
 */
function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

try {
  const folder = await openDataFolder(process.argv[2] ?? '');
  const logged: string[] = [];
  const postgres = await startEmbeddedPostgres({
    dir: join(folder.path, 'postgres'),
    onLog: (level, message) => void (level === 'warn' && logged.push(message)),
  });
  say({ url: postgres.url, postgres: postgres.pid(), uid: process.getuid?.(), logged });
  process.stdin.resume().on('end', async () => {
    await postgres.stop();
    folder.release();
  });
} catch (error) {
  if (!(error instanceof StartError)) throw error;
  say({ refused: error.message });
  process.exitCode = 1;
}
