import { expect } from 'chai';
import type { Page } from 'playwright-core';
import type { Client } from 'suhbat/client';
import { eventually } from '../support/eventually.ts';
import { logIn, newAccount, newClient, openChat, useStage } from './stage.ts';

const many = 2_000;
/** Rows, and elements of the whole document, that may be there at a time. */
const mostRows = 200;
const mostElements = 4_000;

describe('a chat of 2,000 messages', function () {
  this.timeout(180_000);
  useStage();

  async function fill(client: Client, chatId: string): Promise<void> {
    const size = 250;
    for (let from = 0; from < many; from += size)
      await Promise.all(
        Array.from({ length: size }, (_, at) =>
          client.request('message.send', {
            chat_id: chatId,
            client_id: client.newId(),
            kind: 'text',
            text: `${from + at} ${'so‘z '.repeat((from + at) % 40)}`.trim(),
          }),
        ),
      );
  }

  const keysOf = (page: Page) =>
    page.locator('.rows > li[data-key]').evaluateAll((rows) => rows.map((row) => Number(row.dataset.key)));

  it('scrolls to its beginning and back with a bounded document, every message in order, none moved', async () => {
    const [ali, vali] = [await newAccount('Ali'), await newAccount('Vali')];
    const client = await newClient(vali);
    const chat = await client.createPrivateChat({ user_id: ali.tokens.user.id });
    await fill(client, chat.id);
    const reader = await newClient(ali);
    reader.read(chat.id, many + 1);
    await eventually(async () => (await reader.chats())[0]?.unread === 0);

    const page = await logIn(ali);
    await openChat(page, vali.name);
    await page.locator(`li[data-key="${many + 1}"]`).waitFor();
    const seen = new Set<number>();
    async function look() {
      const keys = await keysOf(page);
      expect(keys.length).to.be.at.most(mostRows);
      expect(keys, 'in order, without a hole').to.deep.equal(
        Array.from({ length: keys.length }, (_, at) => (keys[0] ?? 0) + at),
      );
      for (const key of keys) seen.add(key);
      return keys;
    }
    await page.mouse.move(800, 400);
    for (let turns = 0; !seen.has(1) && turns < 2_000; turns++) {
      await page.mouse.wheel(0, -1_500);
      await look();
    }
    expect(seen.size, 'every message was there').to.equal(many + 1);
    expect(await page.locator('*').count()).to.be.below(mostElements);
    await page.getByText('began the conversation').waitFor();

    for (let turns = 0; turns < 2_000; turns++) {
      await page.mouse.wheel(0, 1_500);
      if ((await look()).at(-1) === many + 1) break;
    }
    expect((await keysOf(page)).at(-1)).to.equal(many + 1);
  });

  it('keeps what is read in its place while new messages come and old ones change', async () => {
    const [ali, vali] = [await newAccount('Ali'), await newAccount('Vali')];
    const client = await newClient(vali);
    const chat = await client.createPrivateChat({ user_id: ali.tokens.user.id });
    const receipts = [];
    for (let n = 0; n < 80; n++) receipts.push(await client.send({ chat_id: chat.id, text: `message ${n}` }));
    const reader = await newClient(ali);
    reader.read(chat.id, receipts.at(-1)?.seq ?? 0);
    await eventually(async () => (await reader.chats())[0]?.unread === 0);
    const page = await logIn(ali);
    await openChat(page, vali.name);
    await page.getByText('message 79', { exact: true }).last().waitFor();
    await page.mouse.move(800, 400);
    // A wheel before the list is laid out is lost.
    await eventually(async () => {
      await page.mouse.wheel(0, -800);
      await page.locator('.to-end:not(.hidden)').waitFor({ timeout: 2000 });
      return true;
    });
    const firstVisible = () =>
      page.locator('.scroller').evaluate((scroller) => {
        const { top } = scroller.getBoundingClientRect();
        const rows = [...scroller.querySelectorAll<HTMLElement>('li[data-key]')];
        return Number(rows.find((row) => row.getBoundingClientRect().top >= top)?.dataset.key);
      });
    let key = await firstVisible();
    const place = async () => Math.round((await page.locator(`li[data-key="${key}"]`).boundingBox())?.y ?? 0);
    let before = Number.NaN;
    // Wheels roll out: at rest when looks many frames apart agree.
    await eventually(async () => {
      await nextFrames(page);
      key = await firstVisible();
      const now = await place();
      const rests = now === before;
      before = now;
      return rests;
    });
    await client.edit(chat.id, key - 5, 'longer\nand longer\nand longer');
    await client.send({ chat_id: chat.id, text: 'new at the end' });
    await page.locator('.to-end .badge').waitFor();
    await page.getByText('and longer').first().waitFor({ state: 'attached' });
    expect(await place()).to.be.closeTo(before, 1);
    await page.getByRole('button', { name: 'To the newest message' }).click();
    await page.locator('.rows').getByText('new at the end').waitFor();
    await page.locator('.to-end .badge').waitFor({ state: 'detached' });
  });

  it('jumps to the message that a reply names, however old', async () => {
    const [ali, vali] = [await newAccount('Ali'), await newAccount('Vali')];
    const client = await newClient(vali);
    const chat = await client.createPrivateChat({ user_id: ali.tokens.user.id });
    const { seq } = await client.send({ chat_id: chat.id, text: 'the oldest' });
    for (let n = 0; n < 400; n++) client.send({ chat_id: chat.id, text: `message ${n}` });
    await client.send({ chat_id: chat.id, text: 'an answer', reply_to: seq });
    (await newClient(ali)).read(chat.id, seq + 401);
    const page = await logIn(ali);
    await openChat(page, vali.name);
    await page.locator('.quote').getByText('the oldest').click();
    const target = page.locator(`li[data-key="${seq}"]`);
    await target.waitFor();
    await eventually(() => target.evaluate((row) => row === document.activeElement));
    expect((await keysOf(page)).length).to.be.at.most(mostRows);
  });
});

/** Several, which a machine that is slow may take long for. */
function nextFrames(page: Page): Promise<void> {
  return page.evaluate(async () => {
    for (let n = 0; n < 10; n++) await new Promise((done) => requestAnimationFrame(done));
  });
}
