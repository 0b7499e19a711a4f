import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What `npm start` of a checkout gives to Node, before the program. */
export function nodeOptions(root: string): string[] {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: { start: string };
  };
  return scripts.start.split(' ').filter((word) => word.startsWith('--'));
}
