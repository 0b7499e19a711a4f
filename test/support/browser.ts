import { type Browser, type BrowserContext, type BrowserContextOptions, chromium } from 'playwright-core';
import { findProgram } from '../../ops/cluster/find-program.ts';

/** The real Chromium of this machine, without anything that it does for its own sake. */

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

/** A browser of its own, with a profile of its own; `close` ends all of it. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: findProgram('chromium'), args: quiet });
}

/** A person's browser: storage and cookies of its own. */
export function newPerson(browser: Browser, options: BrowserContextOptions = {}): Promise<BrowserContext> {
  return browser.newContext({ viewport: desk, locale: 'en-GB', reducedMotion: 'reduce', ...options });
}
