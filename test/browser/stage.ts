import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { type Client, connect, register, type TokensAnswer } from 'suhbat/client';
import { launchBrowser, newPerson } from '../support/browser.ts';
import { codeInFiles, mailsInFiles } from '../support/mail-files.ts';
import type { Received } from '../support/mail-server.ts';
import { type Program, startProgram } from '../support/process.ts';

/** The real program and the real browser, which the tests of this folder share. */
interface Stage {
  url: string;
  dataDir: string;
  browser: Browser;
  end(): Promise<void>;
}

let users = 0;
let starting: Promise<Stage> | undefined;
const contexts = new Set<BrowserContext>();
const clients = new Set<Client>();
const problems: string[] = [];

/** Says in a describe that its tests use the stage: set up by the first, taken down after the last. */
export function useStage(): void {
  users++;
  before('the program and the browser run', async function () {
    this.timeout(360_000);
    let suite = this.test?.parent;
    while (suite?.parent) suite = suite.parent;
    // The count below cannot know of tests that were not selected.
    if (starting === undefined) suite?.afterAll('the stage is taken down', takeDown);
    starting ??= setUp();
    await starting;
  });
  afterEach('people leave, and their browsers had nothing to complain of', async () => {
    for (const client of clients) client.close();
    clients.clear();
    await Promise.all([...contexts].map((context) => context.close()));
    contexts.clear();
    refusals = false;
    const found = problems.splice(0);
    if (found.length > 0) throw new Error(found.join('\n'));
  });
  after('the stage is not needed any more', async () => {
    users--;
    if (users === 0) await takeDown();
  });
}

async function setUp(): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'suhbat-browser-'));
  const dataDir = join(folder, 'data');
  let program: Program | undefined;
  let browser: Browser | undefined;
  const kill = () => program?.kill();
  process.once('exit', kill);
  async function end() {
    process.off('exit', kill);
    await browser?.close();
    program?.signal('SIGTERM');
    await program?.ended();
    program?.kill();
    rmSync(folder, { recursive: true, force: true });
  }
  try {
    browser = await launchBrowser();
    program = startProgram({
      env: {
        SUHBAT_DATA_DIR: dataDir,
        SUHBAT_RATE_LIMIT_FACTOR: '1000',
        SUHBAT_BCRYPT_QUEUE: '1000',
        SUHBAT_PRESENCE_GRACE: '500',
      },
    });
    return { url: await program.ready(), dataDir, browser, end };
  } catch (error) {
    await end();
    throw error;
  }
}

async function takeDown(): Promise<void> {
  const ending = starting;
  starting = undefined;
  const stage = await ending?.catch(() => undefined);
  await stage?.end();
}

async function stage(): Promise<Stage> {
  if (starting === undefined) throw new Error('useStage() stands at the top of the describe');
  return starting;
}

export async function stageUrl(): Promise<string> {
  return (await stage()).url;
}

/** The code of the newest mail to this address, when there are so many. */
export async function codeFor(address: string, count = 1): Promise<string> {
  return codeInFiles((await stage()).dataDir, address, count);
}

export async function mailsTo(address: string): Promise<Received[]> {
  return mailsInFiles((await stage()).dataDir, address);
}

/** A page of a new browser context, at the program's address unless told otherwise. */
export async function newPage(options: BrowserContextOptions = {}, at = '/'): Promise<Page> {
  const { browser, url } = await stage();
  const context = await newPerson(browser, { baseURL: url, ...options });
  contexts.add(context);
  context.on('page', listen);
  await context.addInitScript(watchPage);
  const page = await context.newPage();
  await page.goto(at);
  return page;
}

/** A network that is cut on purpose complains, too: only that is passed over. */
const cut = /net::ERR_INTERNET_DISCONNECTED|WebSocket connection .* failed|ERR_FAILED/;
let refusals = false;

/** Until the test ends: the browser notes refusals of the server in its console, and that is fine. */
export function expectRefusals(): void {
  refusals = true;
}

function listen(page: Page) {
  page.on('pageerror', (error) => problems.push(`uncaught: ${error.stack ?? error.message}`));
  page.on('console', (message) => {
    const text = message.text();
    if (message.type() !== 'error' || cut.test(text)) return;
    if (!refusals || !/status of 4\d\d/.test(text)) problems.push(`console: ${text}`);
  });
}

/** In the page: a breach of the policy is an error that nobody catches. */
function watchPage() {
  document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
    throw new Error(`Content-Security-Policy: ${violatedDirective} ${blockedURI}`);
  });
}

export interface Person {
  name: string;
  username: string;
  tokens: TokensAnswer;
}

export const password = 'a long password';
let count = 0;

/** A name that nobody else on this stage has. */
export function newName(first: string): string {
  return `${first}${process.pid}x${++count}`;
}

export async function newAccount(first: string): Promise<Person> {
  const username = newName(first).toLowerCase();
  const { url } = await stage();
  const tokens = await register(url, {
    email: `${username}@example.com`,
    username,
    password,
    first_name: first,
    last_name: String(count),
  });
  return { name: `${first} ${count}`, username, tokens };
}

/** The same person, by the SDK in this process. */
export async function newClient({ tokens }: Person): Promise<Client> {
  const client = connect({ url: (await stage()).url, tokens });
  clients.add(client);
  await client.synced();
  return client;
}

/** A page where this person logs in by the form. */
export async function logIn(person: Person, options: BrowserContextOptions = {}): Promise<Page> {
  const page = await newPage(options);
  await page.locator('input[name=login]').fill(person.username);
  await page.locator('input[name=password]').fill(password);
  await page.keyboard.press('Enter');
  await page.locator('.sidebar').waitFor();
  return page;
}

/** Fills in the first step of a registration, and waits for the second; gives the address that the code goes to. */
export async function beginRegistration(
  page: Page,
  username = newName('Nodira').toLowerCase(),
  name = 'Nodira',
): Promise<string> {
  const email = `${username}@example.com`;
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.getByLabel('Your name').fill(name);
  await page.getByLabel('Username').fill(username);
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.getByText(`We sent a code to ${email}`).waitFor();
  return email;
}

/** The row of a chat in the list. */
export const rowOf = (page: Page, title: string) =>
  page.locator('.chat-row').filter({ has: page.locator('.title', { hasText: title }) });

export async function openChat(page: Page, title: string): Promise<void> {
  await rowOf(page, title).click();
  await page.locator('.composer textarea').waitFor();
}

export async function write(page: Page, text: string): Promise<void> {
  await page.locator('.composer textarea').fill(text);
  await page.locator('.composer textarea').press('Enter');
}

/** The texts of the open chat as they stand, those that wait to be sent included. */
export function texts(page: Page): Promise<string[]> {
  return page.locator('.rows .bubble .text').allInnerTexts();
}
