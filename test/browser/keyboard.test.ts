import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { eventually } from '../support/eventually.ts';
import {
  codeFor,
  logIn,
  newAccount,
  newClient,
  newName,
  newPage,
  password,
  rowOf,
  texts,
  useStage,
} from './stage.ts';

/** The name by which the focused element goes: its label, else its text. */
const focused = (page: Page) =>
  page.evaluate(() => {
    const element = document.activeElement as HTMLElement & { labels?: NodeListOf<HTMLElement> };
    return (element.ariaLabel ?? element.labels?.[0]?.innerText ?? element.innerText ?? '').trim();
  });

/** Presses a key until the element of this name has the focus. */
async function until(page: Page, key: string, name: RegExp, most = 30): Promise<void> {
  const met: string[] = [];
  for (let presses = 0; presses < most; presses++) {
    await page.keyboard.press(key);
    const now = await focused(page);
    if (name.test(now)) return;
    met.push(now.slice(0, 40));
  }
  throw new Error(`${key} never comes to ${name}, but to ${met.join(' | ')}`);
}

/** Waits until the focus is there; says where it is instead. */
async function focusOn(page: Page, name: RegExp): Promise<void> {
  await eventually(async () => {
    const now = await focused(page);
    return name.test(now) || `the focus is on "${now}"`;
  });
}

describe('without a mouse', function () {
  this.timeout(90_000);
  useStage();

  it('one logs in, finds somebody, writes, edits, answers, reacts, deletes, and leaves', async () => {
    const [ali, vali] = [await newAccount('Ali'), await newAccount('Vali')];
    const client = await newClient(vali);
    const page = await newPage();
    await page.locator('form').waitFor();
    await until(page, 'Tab', /^Username or email/);
    await page.keyboard.type(ali.username);
    await until(page, 'Tab', /^Password/);
    await page.keyboard.type(password);
    await page.keyboard.press('Enter');
    await page.getByText('No conversations yet').waitFor();

    // Finding somebody
    await until(page, 'Tab', /^New chat/);
    await page.keyboard.press('Enter');
    await focusOn(page, /^Find people/);
    await page.keyboard.type(vali.username);
    // What the first letters alone found may stand there before.
    await page.locator('.person').first().getByText(`@${vali.username}`, { exact: true }).waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await focusOn(page, /^Message$/);

    // Writing: Enter sends, Shift+Enter does not
    await page.keyboard.type('one');
    await page.keyboard.press('Shift+Enter');
    await page.keyboard.type('two');
    await page.keyboard.press('Enter');
    await eventually(async () => (await texts(page)).join() === 'one\ntwo');
    await page.locator('.row.own:not(.pending)').waitFor();

    // ArrowUp edits the newest one of one's own
    await page.keyboard.press('ArrowUp');
    await focusOn(page, /^Edit message$/);
    await page.keyboard.press('Control+End');
    await page.keyboard.type('!');
    await page.keyboard.press('Enter');
    await page.getByText('edited').waitFor();
    await focusOn(page, /^Message$/);

    // The messages: arrows move, Enter opens what may be done
    const [chat] = await client.chats();
    const { seq } = await client.send({ chat_id: chat?.chat.id ?? '', text: 'a question' });
    await page.locator(`li[data-key="${seq}"]`).waitFor();
    await until(page, 'Shift+Tab', /a question/);
    await page.keyboard.press('ArrowUp');
    expect(await focused(page)).to.match(/two!/);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    expect(await focused(page)).to.equal('React with 👍');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: '👍, 1 person', pressed: true }).waitFor();
    expect(await focused(page)).to.match(/a question/);
    await page.keyboard.press('Enter');
    await until(page, 'ArrowDown', /^Reply/);
    await page.keyboard.press('Enter');
    await focusOn(page, /^Message$/);
    await page.keyboard.type('an answer');
    await page.keyboard.press('Enter');
    await page.locator('.row.own:not(.pending) .quote').waitFor();

    // Escape gives up, step by step: the menu, the reply, the chat
    await until(page, 'Shift+Tab', /a question/);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Escape');
    await page.locator('.menu').waitFor({ state: 'detached' });
    expect(await focused(page)).to.match(/an answer/);
    await page.keyboard.press('Enter');
    await until(page, 'ArrowDown', /^Delete/);
    await page.keyboard.press('Enter');
    await focusOn(page, /^Cancel$/);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.locator('.rows').getByText('Message deleted').waitFor();
    await until(page, 'Tab', /^Message$/);
    await page.keyboard.press('Escape');
    await page.getByText('Choose a chat').waitFor();
    await focusOn(page, new RegExp(vali.name));
    await page.keyboard.press('Enter');
    await focusOn(page, /^Message$/);
    await page.keyboard.press('Escape');

    // And out
    await until(page, 'Shift+Tab', /^Settings/);
    await page.keyboard.press('Enter');
    await until(page, 'Tab', /^Log out/);
    await page.keyboard.press('Enter');
    await page.locator('input[name=login]').waitFor();
  });

  it('one registers, tells of oneself, and comes back to where one was', async () => {
    const username = newName('Nodira').toLowerCase();
    const email = `${username}@example.com`;
    const page = await newPage();
    await page.locator('form').waitFor();
    await until(page, 'Tab', /^Create account/);
    await page.keyboard.press('Enter');
    await until(page, 'Shift+Tab', /^Your name/);
    for (const [name, value] of [
      [/^Username/, 'Nodira'],
      [/^Email/, username],
      [/^Password/, email],
    ] as const) {
      await page.keyboard.type(value);
      await until(page, 'Tab', name);
    }
    await page.keyboard.type(password);
    await page.keyboard.press('Enter');
    await focusOn(page, /^Code from the mail/);
    await page.keyboard.type('1');
    await page.keyboard.press('Enter');
    await focusOn(page, /^Code from the mail/);
    await page.keyboard.press('Backspace');
    await page.keyboard.type(await codeFor(email));
    await page.keyboard.press('Enter');
    await page.getByText('No conversations yet').waitFor();

    await until(page, 'Tab', /^Settings/);
    await page.keyboard.press('Enter');
    await until(page, 'Tab', /^Edit profile/);
    await page.keyboard.press('Enter');
    await until(page, 'Tab', /^About you/);
    await page.keyboard.type('Samarqand');
    await until(page, 'Tab', /^Save/);
    await page.keyboard.press('Enter');
    await page.getByText('Saved').waitFor();
    await focusOn(page, /^Save/);
    await page.keyboard.press('Escape');
    await focusOn(page, /^Edit profile/);
    await page.keyboard.press('Escape');
    await focusOn(page, /^Settings/);
  });

  it('what one opens has the focus at once: who types on loses no letter', async () => {
    const [ali, vali] = [await newAccount('Ali'), await newAccount('Vali')];
    const client = await newClient(vali);
    const { id } = await client.createPrivateChat({ user_id: ali.tokens.user.id });
    await client.send({ chat_id: id, text: 'a question' });
    const page = await logIn(ali);
    await rowOf(page, vali.name).waitFor();
    /** What has the focus by the time that a click has brought this onto the page. */
    const focusWith = (opener: string, opened: string) =>
      page.evaluate(
        ([opener, opened]) =>
          new Promise<string | undefined>((resolve) => {
            new MutationObserver((_, observer) => {
              if (document.querySelector(opened) === null) return;
              observer.disconnect();
              resolve(document.activeElement?.tagName);
            }).observe(document.body, { childList: true, subtree: true });
            document.querySelector<HTMLElement>(opener)?.click();
          }),
        [opener, opened] as const,
      );
    expect(await focusWith('[aria-label="New chat"]', '.people-search')).to.equal('INPUT');
    await page.keyboard.press('Escape');
    expect(await focusWith('.chat-row', '.composer')).to.equal('TEXTAREA');
    await page.locator('.row').getByText('a question').click({ button: 'right' });
    await page.locator('.menu').waitFor();
    expect(await focusWith('.menu [role=menuitem]', '.composer .about')).to.equal('TEXTAREA');
  });

  it('new messages are told to who cannot see them', async () => {
    const [ali, vali] = [await newAccount('Ali'), await newAccount('Vali')];
    const client = await newClient(vali);
    const chat = await client.createPrivateChat({ user_id: ali.tokens.user.id });
    const page = await newPage();
    await page.locator('input[name=login]').fill(ali.username);
    await page.locator('input[name=password]').fill(password);
    await page.keyboard.press('Enter');
    await page.locator('.chat-row').focus();
    await page.keyboard.press('Enter');
    await page.locator('.rows').waitFor();
    await client.send({ chat_id: chat.id, text: 'do you hear me?' });
    await eventually(
      async () =>
        (await page.locator('[aria-live=polite]').textContent()) === `${vali.name}: do you hear me?`,
    );
  });
});
