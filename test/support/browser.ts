import { execFileSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium } from 'playwright-core';

/** The real Chromium of this machine, without anything that it does for its own sake. */

const names = ['chromium', 'chromium-browser', 'google-chrome'];
const installer = join(import.meta.dirname, '..', '..', 'ops', 'install-chromium.sh');

const quiet = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Phone and desk: the two sizes that everything must fit. */
export const phone = { width: 390, height: 844 };
export const desk = { width: 1280, height: 800 };

function onPath(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(canRun);
}

function canRun(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** The browser's path; where there is none, our script installs one, or says in one sentence what to do. */
function findBrowser(): string {
  const found = onPath();
  if (found !== undefined) return found;
  try {
    execFileSync(installer, { stdio: ['ignore', 'ignore', 'pipe'], timeout: 300_000 });
  } catch (error) {
    const said = String((error as { stderr?: Buffer }).stderr ?? error).trim();
    throw new Error(said.split('\n').at(-1) || 'Chromium could not be installed.');
  }
  const installed = onPath();
  if (installed === undefined) throw new Error(`None of ${names.join(', ')} is on PATH.`);
  return installed;
}

/** A browser of its own, with a profile of its own; `close` ends all of it. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: findBrowser(), args: quiet });
}

/** A person's browser: storage and cookies of its own. */
export function newPerson(browser: Browser, options: BrowserContextOptions = {}): Promise<BrowserContext> {
  return browser.newContext({ viewport: desk, locale: 'en-GB', reducedMotion: 'reduce', ...options });
}
