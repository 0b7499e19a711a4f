import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { codeOf, headerOf, type Received } from './mail-server.ts';

/** The mails to this address, the oldest first, from the files of a data folder. */
export async function mailsInFiles(dataDir: string, address: string): Promise<Received[]> {
  const dir = join(dataDir, 'mail');
  const names = (await readdir(dir).catch(() => [])).filter((name) => name.endsWith('.eml')).sort();
  const mails = await Promise.all(names.map((name) => readFile(join(dir, name), 'utf8')));
  return mails
    .map((raw) => ({ to: [], raw }))
    .filter((mail) => headerOf(mail, 'To')?.toLowerCase() === address.toLowerCase());
}

/** The code of the newest mail to this address, when there are so many, from the files of a data folder. */
export async function codeInFiles(dataDir: string, address: string, count = 1): Promise<string> {
  let found: Received[] = [];
  await eventually(async () => {
    found = await mailsInFiles(dataDir, address);
    return found.length >= count || `${found.length} of ${count} mails`;
  });
  return codeOf(found.at(-1) as Received);
}
