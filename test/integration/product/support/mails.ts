import { codeInFiles } from '../../../support/mail-files.ts';
import { product } from './program.ts';

/** The code of the newest mail to this address, when there are so many. */
export function codeFor(address: string, count = 1): Promise<string> {
  return codeInFiles(product().dataDir, address, count);
}
