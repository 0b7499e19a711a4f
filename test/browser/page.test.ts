import { expect } from 'chai';
import type { Page } from 'playwright-core';
import sharp from 'sharp';
import { phone } from '../support/browser.ts';
import { eventually } from '../support/eventually.ts';
import {
  expectRefusals,
  logIn,
  newAccount,
  newClient,
  newPage,
  openChat,
  rowOf,
  texts,
  useStage,
  write,
} from './stage.ts';

/** How much of the page has moved by itself since it was opened. Movements after a click count, too. */
async function watchShifts(page: Page): Promise<void> {
  await page.addInitScript(() => {
    Object.assign(globalThis, { shift: 0 });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        const { shift } = globalThis as unknown as { shift: number };
        Object.assign(globalThis, { shift: shift + (entry as PerformanceEntry & { value: number }).value });
      }
    }).observe({ type: 'layout-shift', buffered: true });
  });
}

describe('the page', function () {
  this.timeout(90_000);
  useStage();

  it('does not move while it opens, logged in or not, nor while a chat opens and loads', async () => {
    const [ali, vali] = [await newAccount('Ali'), await newAccount('Vali')];
    const client = await newClient(vali);
    const create = { width: 64, height: 64, channels: 3 as const, background: '#b23c2e' };
    await client.setAvatar(new Blob([new Uint8Array(await sharp({ create }).png().toBuffer())]));
    const chat = await client.createPrivateChat({ user_id: ali.tokens.user.id });
    for (let n = 0; n < 70; n++)
      client.send({ chat_id: chat.id, text: `message ${n} ${'so‘z '.repeat(n % 30)}` });
    await client.send({ chat_id: chat.id, text: 'the last' });
    for (const viewport of [phone, undefined]) {
      const page = await logIn(ali, viewport && { viewport });
      await watchShifts(page);
      await page.reload();
      await openChat(page, vali.name);
      await page.locator('.rows .bubble').nth(20).waitFor({ state: 'attached' });
      await page.locator('.heading').getByText('online').waitFor();
      const picture = page.locator('.heading .avatar img');
      await eventually(() => picture.evaluate((image: HTMLImageElement) => image.naturalWidth > 0));
      // Two frames later everything that was on its way is painted, and reported.
      await page.evaluate(
        () =>
          new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done)))),
      );
      expect(await page.evaluate(() => (globalThis as unknown as { shift: number }).shift)).to.equal(0);
    }
  });

  it('shows what people write as text, and links to http and https only', async () => {
    const [ali, vali] = [await newAccount('Ali'), await newAccount('Vali')];
    const client = await newClient(vali);
    const chat = await client.createPrivateChat({ user_id: ali.tokens.user.id });
    const sent = [
      '<img src=x onerror="document.title = 1"><b>bold</b>',
      'javascript:alert(1) data:text/html,x',
      'see https://example.com/a?b=1&c="d" and (http://example.org/x).',
    ];
    for (const text of sent) await client.send({ chat_id: chat.id, text });
    const page = await logIn(ali);
    await openChat(page, vali.name);
    await eventually(async () => (await texts(page)).length === sent.length);
    expect(await texts(page)).to.deep.equal(sent);
    const links = page.locator('.text a');
    expect(await links.evaluateAll((all) => all.map((link) => link.getAttribute('href')))).to.deep.equal([
      'https://example.com/a?b=1&c=',
      'http://example.org/x',
    ]);
    for (const rel of await links.evaluateAll((all) => all.map((link) => link.getAttribute('rel'))))
      expect(rel).to.include('noopener');
    expect(await page.locator('.text img, .text b').count()).to.equal(0);
  });

  it('speaks Uzbek where the browser does, and changes its language at once and for good', async () => {
    const [ali, vali] = [await newAccount('Ali'), await newAccount('Vali')];
    const page = await logIn(ali, { locale: 'uz-UZ' });
    await page.getByText('Hali suhbatlar yo‘q').waitFor();
    expect(await page.locator('html').getAttribute('lang')).to.equal('uz');
    await page.getByRole('button', { name: 'Yangi suhbat' }).click();
    await page.keyboard.type(vali.username);
    await page.getByRole('button', { name: `${vali.name} @` }).click();
    await page.locator('.rows').getByText('Siz: suhbat boshlandi').waitFor();
    await page.locator('.row.day').getByText('Bugun').waitFor();
    await write(page, 'Salom');
    await page.getByText('Yuborildi').first().waitFor({ state: 'attached' });

    await page.getByRole('button', { name: 'Sozlamalar' }).click();
    await page.getByRole('radio', { name: 'English' }).check();
    await page.locator('.rows').getByText('You began the conversation').waitFor({ state: 'attached' });
    await page.reload();
    await page.locator('.row.day').getByText('Today').waitFor();
    expect(await page.locator('html').getAttribute('lang')).to.equal('en');
  });

  it('follows the system’s colours until one chooses', async () => {
    const page = await logIn(await newAccount('Ali'), { colorScheme: 'dark' });
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    expect(await ground()).to.equal('rgb(19, 28, 28)');
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByRole('radio', { name: 'Light' }).check();
    expect(await ground()).to.equal('rgb(255, 255, 255)');
    await page.reload();
    await page.locator('.sidebar').waitFor();
    expect(await ground()).to.equal('rgb(255, 255, 255)');
  });

  it('has one pane on a phone, with a way back', async () => {
    const [ali, vali] = [await newAccount('Ali'), await newAccount('Vali')];
    const client = await newClient(vali);
    const chat = await client.createPrivateChat({ user_id: ali.tokens.user.id });
    await client.send({ chat_id: chat.id, text: 'Salom' });
    const page = await logIn(ali, { viewport: phone, hasTouch: true, isMobile: true });
    await rowOf(page, vali.name).tap();
    await page.locator('.rows').getByText('Salom').waitFor();
    expect(await page.locator('.sidebar').isVisible()).to.equal(false);
    await page.locator('.rows').getByText('Salom').tap();
    await page.getByRole('menuitemradio', { name: 'React with 👍' }).tap();
    await page.getByRole('button', { name: '👍, 1 person', pressed: true }).waitFor();
    await page.getByRole('link', { name: 'Back to chats' }).tap();
    await page.locator('.sidebar').waitFor();
    expect(await page.locator('.composer').isVisible()).to.equal(false);
    await page.goBack();
    await page.locator('.rows').getByText('Salom').waitFor();
    const widths = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    expect(widths[0]).to.equal(widths[1]);
  });

  it('says in words why a login or a registration failed', async () => {
    const ali = await newAccount('Ali');
    const page = await newPage();
    await page.locator('input[name=login]').fill(ali.username);
    await page.locator('input[name=password]').fill('not the password');
    expectRefusals();
    await page.keyboard.press('Enter');
    await page.getByText('The name or the password is wrong.').waitFor();
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.getByLabel('Your name').fill('Ali');
    await page.getByLabel('Username').fill(ali.username);
    await page.getByLabel('Email').fill('ali@example.com');
    await page.getByLabel('Password').fill('a long password');
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.getByText('This username is taken.').waitFor();
    await page.getByLabel('Username').fill('1x');
    await page.getByLabel('Email').fill('nobody');
    await page.getByLabel('Password').fill('short');
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.getByText('A username has 3–30 letters').waitFor();
    await page.getByText('This is no email address.').waitFor();
    await page.getByText('The password needs at least 8 characters.').waitFor();
  });
});
