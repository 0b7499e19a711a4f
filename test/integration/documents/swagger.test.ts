import { expect } from 'chai';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { swaggerFiles } from '../../../gateway/documents/swagger.ts';
import { launchBrowser, newPerson } from '../../support/browser.ts';
import { eventually } from '../../support/eventually.ts';
import { useServer } from './server.ts';

describe('Swagger UI', function () {
  this.timeout(60_000);

  const server = useServer();
  let browser: Browser | undefined;
  let context: BrowserContext | undefined;
  before(async () => {
    browser = await launchBrowser();
    context = await newPerson(browser);
  });
  after(() => browser?.close());

  /** A page that notes everything that goes wrong in it, and whatever it asks of others than our server. */
  async function open(path: string): Promise<{ page: Page; faults: string[] }> {
    const page = (await context?.newPage()) as Page;
    const faults: string[] = [];
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('console', (line) => line.type() === 'error' && faults.push(line.text()));
    page.on('request', (request) => {
      const url = request.url();
      if (!url.startsWith(server().url) && !url.startsWith('data:')) faults.push(`asks ${url}`);
    });
    page.on('response', (response) => {
      if (response.status() >= 400) faults.push(`${response.status()} ${response.url()}`);
    });
    await page.addInitScript(() => {
      addEventListener('securitypolicyviolation', (event) => {
        // Read by the test, through the console.
        setTimeout(() => {
          throw new Error(`${event.violatedDirective} refused ${event.blockedURI} ${event.sample}`);
        });
      });
    });
    await page.goto(server().url + path);
    return { page, faults };
  }

  it('shows every operation, needs nothing from elsewhere and breaks no rule of its page', async () => {
    const { page, faults } = await open('/swagger');
    expect(new URL(page.url()).pathname).to.equal('/swagger/index.html');
    const paths = Object.values(server().openApi.paths as Record<string, object>);
    const count = paths.reduce((sum, methods) => sum + Object.keys(methods).length, 0);
    await page
      .locator('.opblock')
      .nth(count - 1)
      .waitFor();
    expect(await page.locator('.opblock').count()).to.equal(count);
    expect(await page.title()).to.equal('Suhbat: REST API');
    expect(faults).to.deep.equal([]);
    await page.close();
  });

  it('tries an operation out', async () => {
    const { page, faults } = await open('/swagger/index.html#/System/getHealth');
    const operation = page.locator('#operations-System-getHealth');
    await operation.locator('.try-out__btn').click();
    await operation.locator('.execute').click();
    const answer = operation.locator('.live-responses-table tbody .response');
    await answer.waitFor();
    expect(await answer.innerText()).to.include('"status": "ok"');
    expect(faults).to.deep.equal([]);
    await page.close();
  });

  it('opens a form with its examples and schemas', async () => {
    const { page, faults } = await open('/swagger/index.html#/Chats/postChats');
    const operation = page.locator('#operations-Chats-postChats');
    // What it refers to is looked up after it was opened.
    for (const text of ['A group with Vali and Guli', 'not_for_private'])
      await eventually(async () => (await operation.innerText()).includes(text));
    expect(faults).to.deep.equal([]);
    await page.close();
  });

  it('allows no inline code, and its files are kept and asked for by their tags', async () => {
    const index = await fetch(`${server().url}/swagger/index.html`);
    const policy = index.headers.get('content-security-policy') ?? '';
    expect(policy).to.include("script-src 'self'").and.not.include('unsafe');
    expect(await index.text()).to.not.match(/<script(?![^>]*\ssrc=)|<style|\son\w+=|\sstyle=/);
    for (const name of swaggerFiles) {
      const first = await fetch(`${server().url}/swagger/${name}`);
      expect(first.status, name).to.equal(200);
      expect((await first.arrayBuffer()).byteLength, name).to.be.above(0);
      const tag = first.headers.get('etag') ?? '';
      const again = await fetch(`${server().url}/swagger/${name}`, { headers: { 'If-None-Match': tag } });
      expect([again.status, (await again.arrayBuffer()).byteLength], name).to.deep.equal([304, 0]);
      expect(first.headers.get('cache-control'), name).to.match(/no-cache|max-age/);
    }
    expect((await fetch(`${server().url}/swagger/package.json`)).status).to.equal(404);
  });
});
