import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { eventually } from '../support/eventually.ts';
import {
  beginRegistration,
  codeFor,
  logIn,
  newAccount,
  newClient,
  newName,
  newPage,
  openChat,
  rowOf,
  texts,
  useStage,
  write,
} from './stage.ts';

const sees = (page: Page, expected: string[]) =>
  eventually(async () => {
    const now = await texts(page);
    return JSON.stringify(now) === JSON.stringify(expected) || `It shows ${JSON.stringify(now)}`;
  });

describe('two people with browsers', function () {
  this.timeout(60_000);
  useStage();

  async function register(first: string): Promise<{ page: Page; username: string; name: string }> {
    const username = newName(first);
    const page = await newPage();
    const name = `${first} ${username.slice(first.length)}`;
    const email = await beginRegistration(page, username, name);
    await page.getByLabel('Code from the mail').fill(await codeFor(email));
    await page.keyboard.press('Enter');
    await page.getByText('No conversations yet').waitFor();
    return { page, username, name };
  }

  it('register, find each other, and talk', async () => {
    const aziza = await register('Aziza');
    const bobur = await register('Bobur');

    await aziza.page.getByRole('button', { name: 'Find people' }).click();
    await aziza.page.keyboard.type(bobur.username);
    await aziza.page.getByRole('button', { name: bobur.name }).click();
    await write(aziza.page, 'Salom, Bobur!');

    await rowOf(bobur.page, aziza.name).getByText('1 unread message').waitFor({ state: 'attached' });
    // It is written in the frame after the rows.
    await eventually(async () => (await bobur.page.title()) === '(1) Suhbat');
    await openChat(bobur.page, aziza.name);
    await sees(bobur.page, ['Salom, Bobur!']);
    await aziza.page.locator('.own .ticks.read').waitFor();

    const composer = bobur.page.locator('.composer textarea');
    await composer.pressSequentially('Salom!');
    await aziza.page.locator('.heading').getByText('typing…').waitFor();
    await composer.press('Enter');
    await sees(aziza.page, ['Salom, Bobur!', 'Salom!']);
    await aziza.page.locator('.heading').getByText('online').waitFor();

    await bobur.page.context().close();
    await aziza.page.locator('.heading').getByText('last seen').waitFor();
  });

  it('edit, delete, reply and react, and both see it', async () => {
    const [ali, vali] = [await newAccount('Ali'), await newAccount('Vali')];
    const client = await newClient(vali);
    const chat = await client.createPrivateChat({ user_id: ali.tokens.user.id });
    const { seq } = await client.send({ chat_id: chat.id, text: 'Qachon?' });
    const page = await logIn(ali);
    await openChat(page, vali.name);
    const message = (text: string) => page.locator('.row').filter({ hasText: text });
    // What is not stored yet has another menu: it is closed, and opened again.
    const choose = (text: string, action: string) =>
      eventually(async () => {
        await message(text).locator('.bubble').click({ button: 'right' });
        const item = page.getByRole('menuitem', { name: action });
        await item.click({ timeout: 2000 }).catch(async (error) => {
          await page.keyboard.press('Escape');
          throw error;
        });
        return true;
      }, 30_000);

    await choose('Qachon?', 'Reply');
    await page.keyboard.type('Ertaga');
    await page.keyboard.press('Enter');
    await message('Ertaga').locator('.quote').getByText('Qachon?').waitFor();
    await choose('Ertaga', 'Edit');
    await page.keyboard.press('End');
    await page.keyboard.type(' ertalab');
    await page.keyboard.press('Enter');
    await message('Ertaga ertalab').getByText('edited').waitFor();
    await message('Qachon?').locator('.bubble').first().click({ button: 'right' });
    await page.getByRole('menuitemradio', { name: 'React with ❤️' }).click();
    await page.getByRole('button', { name: '❤️, 1 person', pressed: true }).waitFor();
    await write(page, 'Xato');
    await choose('Xato', 'Delete');
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByText('Message deleted').last().waitFor();

    const { messages } = await client.history(chat.id, { after: seq - 1 });
    const [first, second, third] = messages.toSorted((one, other) => one.seq - other.seq);
    expect(first?.reactions).to.deep.equal([{ emoji: '❤️', count: 1, user_ids: [ali.tokens.user.id] }]);
    expect(second).to.include({ text: 'Ertaga ertalab', reply_to: seq });
    expect(third).to.include({ text: '' });
    expect(third?.deleted_at).to.be.a('string');

    await client.edit(chat.id, seq, 'Soat nechada?');
    await message('Soat nechada?').first().waitFor();
  });

  it('make a group, change it, and leave it', async () => {
    const [ali, vali, malika] = [
      await newAccount('Ali'),
      await newAccount('Vali'),
      await newAccount('Malika'),
    ];
    const [page, other] = [await logIn(ali), await logIn(vali)];
    const title = newName('Choyxona');
    await page.getByRole('button', { name: 'New chat' }).click();
    await page.getByRole('button', { name: 'New group' }).click();
    await page.getByLabel('Group name').fill(title);
    await page.getByRole('searchbox', { name: 'Find people' }).fill(vali.username);
    await page.getByRole('button', { name: `${vali.name} @` }).click();
    await page.getByRole('button', { name: 'Create' }).click();
    await page.locator('.rows').getByText(`You added ${vali.name}`).waitFor();
    await openChat(other, title);
    await other.locator('.rows').getByText(`${ali.name} added you`).waitFor();

    await page.getByRole('button', { name: title }).click();
    await page.getByRole('button', { name: 'Add people' }).click();
    await page.keyboard.type(malika.username);
    await page.getByRole('button', { name: `${malika.name} @` }).click();
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await other.locator('.rows').getByText(`${ali.name} added ${malika.name}`).waitFor();
    await other.locator('.heading').getByText('3 members').waitFor();

    await page.getByRole('button', { name: title }).click();
    await page.locator('.person').filter({ hasText: vali.name }).getByText('Make admin').click();
    await other.locator('.rows').getByText(`${ali.name} made you an admin`).waitFor();
    await page.getByRole('button', { name: `Remove ${malika.name} from the group?` }).click();
    await page.getByRole('button', { name: 'Remove', exact: true }).click();
    await other.locator('.rows').getByText(`${ali.name} removed ${malika.name}`).waitFor();
    await page.getByLabel('Group name').fill(`${title} yangi`);
    await page.getByRole('button', { name: 'Rename' }).click();
    await other.locator('.heading').getByText(`${title} yangi`).waitFor();

    await page.getByRole('button', { name: 'Leave group' }).click();
    await page.getByRole('dialog').last().getByRole('button', { name: 'Leave group' }).click();
    await rowOf(page, title).waitFor({ state: 'detached' });
    await other.locator('.rows').getByText('The owner is now you').waitFor();
  });

  it('of whom one is cut off see the same complete order in the end, and again after a reload', async () => {
    const [ali, vali] = [await newAccount('Ali'), await newAccount('Vali')];
    const witness = await newClient(ali);
    const chat = await witness.createPrivateChat({ user_id: vali.tokens.user.id });
    await witness.send({ chat_id: chat.id, text: 'before' });
    const [away, here] = [await logIn(ali), await logIn(vali)];
    await openChat(away, vali.name);
    await openChat(here, ali.name);
    await sees(away, ['before']);

    await away.context().setOffline(true);
    await away.locator('.chat > .connection:not(.hidden)').waitFor();
    for (const n of [1, 2, 3]) {
      await write(away, `away ${n}`);
      await write(here, `here ${n}`);
    }
    await sees(here, ['before', 'here 1', 'here 2', 'here 3']);
    await sees(away, ['before', 'away 1', 'away 2', 'away 3']);
    expect(await away.locator('.row.pending').count()).to.equal(3);

    await away.context().setOffline(false);
    const all = ['before', 'here 1', 'here 2', 'here 3', 'away 1', 'away 2', 'away 3'];
    await sees(here, all);
    await sees(away, all);
    await eventually(async () => (await away.locator('.row.pending').count()) === 0);
    await away.locator('.chat > .connection.hidden').waitFor({ state: 'attached' });
    const { messages } = await witness.history(chat.id);
    expect(messages.toReversed().flatMap(({ kind, text }) => (kind === 'text' ? [text] : []))).to.deep.equal(
      all,
    );

    await away.reload();
    await here.reload();
    await sees(away, all);
    await sees(here, all);
  });
});
