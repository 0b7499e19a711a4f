import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import type { Page, Request } from 'playwright-core';
import sharp from 'sharp';
import { forgotPassword } from 'suhbat/client';
import { phone } from '../support/browser.ts';
import { eventually } from '../support/eventually.ts';
import { headerOf } from '../support/mail-server.ts';
import {
  codeFor,
  expectRefusals,
  logIn,
  mailsTo,
  newAccount,
  newClient,
  openChat,
  type Person,
  password,
  rowOf,
  stageUrl,
  useStage,
} from './stage.ts';

async function picture(background = '#0d6e66') {
  const create = { width: 48, height: 48, channels: 3 as const, background };
  return { name: 'me.png', mimeType: 'image/png', buffer: await sharp({ create }).png().toBuffer() };
}

/** With what the server knows by then. */
async function openProfile(page: Page) {
  const isLoad = (request: Request) => request.method() === 'GET' && request.url().endsWith('/me');
  const [dialog] = await Promise.all([
    openUnloaded(page),
    page.waitForEvent('requestfinished', { predicate: isLoad }),
  ]);
  return dialog;
}

async function openUnloaded(page: Page) {
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.getByRole('button', { name: 'Edit profile' }).click();
  const dialog = page.getByRole('dialog', { name: 'Profile' });
  await dialog.waitFor();
  return dialog;
}

async function wears(person: Person, background?: string): Promise<void> {
  const client = await newClient(person);
  const { buffer, mimeType } = await picture(background);
  await client.setAvatar(new Blob([new Uint8Array(buffer)], { type: mimeType }));
}

describe('the profile in the page', function () {
  this.timeout(90_000);
  useStage();

  it('says in words what a username is refused for, and keeps what was written', async () => {
    const [ali, vali] = [await newAccount('Ali'), await newAccount('Vali')];
    const client = await newClient(vali);
    await client.updateProfile({ username: `${vali.username}_new` });
    const page = await logIn(ali);
    const dialog = await openProfile(page);
    const [name, save] = [dialog.getByLabel('Username'), dialog.getByRole('button', { name: 'Save' })];
    await dialog.getByLabel('About you').fill('Samarqand');
    expectRefusals();
    for (const [wanted, answer] of [
      [`${vali.username}_new`, 'This username is taken.'],
      [vali.username, 'One that was given up stays so for 30 days.'],
      ['admin', 'This username is reserved.'],
      ['1x', 'A username has 3–30 letters'],
      ['', 'Please fill this in.'],
    ] as const) {
      await name.fill(wanted);
      await save.click();
      await dialog.getByText(answer).waitFor();
      expect(await name.evaluate((element) => element === document.activeElement)).to.equal(true);
      expect(await name.getAttribute('aria-invalid')).to.equal('true');
    }
    await name.fill(`${ali.username}_b`);
    await save.click();
    await dialog.getByText('Saved').waitFor();
    expect(await dialog.getByLabel('About you').inputValue()).to.equal('Samarqand');
    expect(await save.getAttribute('aria-disabled'), 'there is nothing left to save').to.equal('true');
    const found = await client.user(`${ali.username}_b`);
    expect(found).to.include({ id: ali.tokens.user.id, bio: 'Samarqand' });
  });

  it('does not write over what another device has changed meanwhile', async () => {
    const ali = await newAccount('Ali');
    const page = await logIn(ali);
    const dialog = await openProfile(page);
    await eventually(async () => (await dialog.getByLabel('Username').inputValue()) === ali.username);
    await dialog.getByLabel('About you').fill('written here');
    const client = await newClient(ali);
    await client.updateProfile({ display_name: 'Changed there', bio: 'written there' });
    expectRefusals();
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.getByText('Your profile was changed elsewhere meanwhile.').waitFor();
    expect(await dialog.getByLabel('Shown name').inputValue()).to.equal('Changed there');
    expect(await dialog.getByLabel('About you').inputValue()).to.equal('written here');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.getByText('Saved').waitFor();
    expect(await client.me()).to.include({ display_name: 'Changed there', bio: 'written here' });
  });

  it('keeps what was written while the answer was under way', async () => {
    const ali = await newAccount('Ali');
    const page = await logIn(ali);
    const dialog = await openProfile(page);
    const { promise: saving, resolve: saved } = Promise.withResolvers<void>();
    await page.route('**/me', async (route) => {
      if (route.request().method() === 'PATCH') await saving;
      await route.continue();
    });
    const [bio, first, last] = ['About you', 'First name', 'Last name'].map((name) =>
      dialog.getByLabel(name),
    );
    await bio?.fill('Samarqand');
    await last?.fill('Valiyev');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.getByRole('button', { name: 'Saving…' }).waitFor();
    await first?.fill('Alisher');
    await bio?.fill('Buxoro');
    saved();
    await dialog.locator('form').getByText('Saved').waitFor();
    expect(await first?.inputValue()).to.equal('Alisher');
    expect(await bio?.inputValue()).to.equal('Buxoro');
    const client = await newClient(ali);
    expect(await client.me()).to.include({ first_name: 'Ali', bio: 'Samarqand', last_name: 'Valiyev' });
  });

  it('does not take its own changes for another device’s, however late their answers come', async () => {
    const page = await logIn(await newAccount('Ali'));
    const dialog = await openProfile(page);
    const { promise: saving, resolve: saved } = Promise.withResolvers<void>();
    await page.route('**/me', async (route) => {
      if (route.request().method() === 'GET') await saving;
      await route.continue();
    });
    await dialog.locator('input[type=file]').setInputFiles(await picture());
    await dialog.locator('.avatar img').waitFor();
    await dialog.getByLabel('About you').fill('Samarqand');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.getByRole('button', { name: 'Saving…' }).waitFor();
    saved();
    await dialog.locator('form').getByText('Saved').waitFor();
  });

  it('asks before it overwrites, too, where it could not see the newest when it was opened', async () => {
    const ali = await newAccount('Ali');
    const page = await logIn(ali);
    await page.route('**/me', (route) => route.abort());
    const dialog = await openUnloaded(page);
    await dialog.getByLabel('About you').fill('written here');
    const client = await newClient(ali);
    await client.updateProfile({ display_name: 'Changed there', bio: 'written there' });
    await page.unroute('**/me');
    const save = dialog.getByRole('button', { name: 'Save' });
    await save.click();
    await dialog.getByText('Your profile was changed elsewhere meanwhile.').waitFor();
    expect(await client.me()).to.include({ bio: 'written there' });
    await save.click();
    await dialog.getByText('Saved').waitFor();
    expect(await client.me()).to.include({ display_name: 'Changed there', bio: 'written here' });
  });

  it('asks before it overwrites what came with the answer to a picture', async () => {
    const ali = await newAccount('Ali');
    const page = await logIn(ali);
    const dialog = await openProfile(page);
    const { promise: uploading, resolve: upload } = Promise.withResolvers<void>();
    await page.route('**/me/avatar', async (route) => {
      await uploading;
      await route.continue();
    });
    await dialog.locator('input[type=file]').setInputFiles(await picture());
    await dialog.getByRole('button', { name: 'Uploading…' }).waitFor();
    await dialog.getByLabel('About you').fill('written here');
    await dialog.getByRole('button', { name: 'Save' }).click();
    const client = await newClient(ali);
    await client.updateProfile({ bio: 'written there' });
    upload();
    await dialog.getByText('Your profile was changed elsewhere meanwhile.').waitFor();
    expect(await client.me()).to.include({ bio: 'written there' });
  });

  it('logs nobody in again whom another tab has logged out', async () => {
    const ali = await newAccount('Ali');
    const page = await logIn(ali);
    await (await newClient(ali)).updateProfile({ display_name: 'Changed there' });
    // As the other tab leaves it, a moment before this one is told.
    await page.evaluate(() => localStorage.removeItem('suhbat.login'));
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByRole('dialog').getByText('Changed there').waitFor();
    // Behind whatever waited for the lock.
    const kept = await page.evaluate(() =>
      navigator.locks.request('suhbat.refresh', () => localStorage.getItem('suhbat.login')),
    );
    expect(kept).to.equal(null);
  });

  it('takes a picture, refuses what is none, and takes it off again', async () => {
    const ali = await newAccount('Ali');
    const page = await logIn(ali, { viewport: phone });
    const dialog = await openProfile(page);
    const file = dialog.locator('input[type=file]');
    expectRefusals();
    await file.setInputFiles({ name: 'me.png', mimeType: 'image/png', buffer: Buffer.from('no picture') });
    await dialog.getByText('This is no picture of a kind that we take.').waitFor();
    await file.setInputFiles({
      name: 'me.png',
      mimeType: 'image/png',
      buffer: Buffer.alloc(10 * 1024 * 1024 + 1),
    });
    await dialog.getByText('This picture is too large.').waitFor();
    await file.setInputFiles(await picture());
    await dialog.getByText('Saved').waitFor();
    await dialog.locator('.avatar img').waitFor();
    await dialog.getByRole('button', { name: 'Remove the picture' }).click();
    await dialog.getByRole('button', { name: 'Choose a picture' }).waitFor();
    await dialog.locator('.avatar img').waitFor({ state: 'detached' });
    expect((await (await newClient(ali)).me()).avatar).to.equal(null);
    // An older picture is not what a reload comes back to.
    await page.reload();
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByText(`@${ali.username}`).waitFor();
    expect(await page.getByRole('dialog').locator('.avatar img').count()).to.equal(0);
  });

  it('closes step by step; who gives up choosing a file stays in it', async () => {
    const page = await logIn(await newAccount('Ali'));
    const dialog = await openProfile(page);
    await dialog
      .locator('input[type=file]')
      .evaluate((input) => input.dispatchEvent(new Event('cancel', { bubbles: true })));
    expect(await dialog.isVisible()).to.equal(true);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    const edit = page.getByRole('button', { name: 'Edit profile' });
    expect(await edit.evaluate((element) => element === document.activeElement)).to.equal(true);
    await page.keyboard.press('Escape');
    await edit.waitFor({ state: 'detached' });
  });

  it('shows the address that is not verified yet, and verifies it by its code', async () => {
    const ali = await newAccount('Ali');
    const email = `${ali.username}@example.com`;
    const page = await logIn(ali);
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByText('not verified yet').waitFor();
    await page.getByRole('button', { name: 'Verify the address' }).click();
    const dialog = page.getByRole('dialog', { name: 'Email' });
    expect(await dialog.getByLabel('Email').inputValue()).to.equal(email);
    expectRefusals();
    // Two mails at once may come in either order.
    await codeFor(email);
    await dialog.getByRole('button', { name: 'Send a code' }).click();
    await dialog.getByText('This needs your password.').waitFor();
    await dialog.getByLabel('Your password').fill('not the password');
    await page.keyboard.press('Enter');
    await dialog.getByText('The password is wrong.').waitFor();
    await dialog.getByLabel('Your password').fill(password);
    await page.keyboard.press('Enter');
    await dialog.getByText(`We sent a code to ${email}`).waitFor();
    await dialog.getByLabel('Code from the mail').fill(await codeFor(email, 2));
    await page.keyboard.press('Enter');
    await page.getByText('verified', { exact: true }).waitFor();
    expect((await (await newClient(ali)).me()).email_verified).to.equal(true);
  });

  it('takes the code that came with the registration, too', async () => {
    const ali = await newAccount('Ali');
    const page = await logIn(ali);
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByRole('button', { name: 'Verify the address' }).click();
    await page.getByRole('button', { name: 'I have a code' }).click();
    const field = page.getByLabel('Code from the mail');
    await eventually(() => field.evaluate((element) => element === document.activeElement));
    await field.fill(await codeFor(`${ali.username}@example.com`));
    await page.keyboard.press('Enter');
    await page.getByText('verified', { exact: true }).waitFor();
  });
});

describe('the language that one chooses in the page', function () {
  this.timeout(90_000);
  useStage();

  it('is that of one’s mails, too, and leaves the other settings as they are', async () => {
    const ali = await newAccount('Ali');
    const email = `${ali.username}@example.com`;
    const client = await newClient(ali);
    await client.verifyEmail(await codeFor(email));
    const page = await logIn(ali);
    await page.getByRole('button', { name: 'Settings' }).click();
    await client.updateProfile({ settings: { privacy: { groups: 'nobody' } } });
    await page.getByRole('radio', { name: 'O‘zbekcha' }).check();
    const wanted = { privacy: { groups: 'nobody' }, language: 'uz' };
    await eventually(async () => {
      const { settings } = await client.me();
      return isDeepStrictEqual(settings, wanted) || JSON.stringify(settings);
    });
    await forgotPassword(await stageUrl(), { email }, { language: 'en' });
    await codeFor(email, 2);
    const [, mail] = await mailsTo(email);
    expect(mail && headerOf(mail, 'Subject')).to.match(/parol/i);
  });
});

describe('pictures of people in the page', function () {
  this.timeout(90_000);
  useStage();

  it('stand beside their chats, messages and names, and letters where there is none', async () => {
    const [ali, vali] = [await newAccount('Ali'), await newAccount('Vali')];
    const guli = await newAccount('Guli');
    await wears(vali);
    const [client, other] = [await newClient(vali), await newClient(guli)];
    const ids = [ali, guli].map(({ tokens }) => tokens.user.id);
    const group = await client.createGroup({ title: `G ${vali.username}`, member_ids: ids });
    await client.send({ chat_id: group.id, text: 'with a picture' });
    await other.send({ chat_id: group.id, text: 'without' });
    const page = await logIn(ali);
    await openChat(page, group.title ?? '');
    const face = (text: string) => page.locator('.row').filter({ hasText: text }).locator('.avatar');
    await face('with a picture').locator('img').waitFor();
    await face('without').waitFor();
    expect(await face('without').locator('img').count()).to.equal(0);
    expect(await face('without').innerText()).to.equal(`G${guli.name.split(' ')[1]?.[0]}`);
    await page.locator('button.heading').click();
    const member = page.locator('.person').filter({ hasText: vali.name });
    await member.locator('.avatar img').waitFor();
  });

  it('give way to letters where they cannot be loaded', async () => {
    const [ali, vali] = [await newAccount('Ali'), await newAccount('Vali')];
    await wears(vali);
    await greets(vali, ali);
    const page = await logIn(ali);
    await page.route('**/media/**', (route) => route.abort());
    await page.reload();
    const avatar = rowOf(page, vali.name).locator('.avatar');
    await avatar.waitFor();
    await avatar.locator('img').waitFor({ state: 'detached' });
    expect(await avatar.innerText()).to.equal(`V${vali.name.split(' ')[1]?.[0]}`);
  });

  it('are asked for anew where their URL has become too old', async () => {
    const [ali, vali] = [await newAccount('Ali'), await newAccount('Vali')];
    await wears(vali);
    await greets(vali, ali);
    const page = await logIn(ali);
    const image = rowOf(page, vali.name).locator('.avatar img');
    const isSeen = () => image.evaluate((one: HTMLImageElement) => one.naturalWidth > 0);
    await eventually(isSeen);
    const urls: string[] = [];
    await page.route('**/media/**', async (route) => {
      urls.push(route.request().url());
      if (urls.length > 1) return route.continue();
      await wears(vali, '#b23c2e'); // so that the newest URL is another one
      return route.abort();
    });
    await page.reload();
    await eventually(() => urls.length === 2);
    expect(urls[0]).to.not.equal(urls[1]);
    await eventually(isSeen);
  });

  async function greets(one: Person, other: Person): Promise<void> {
    const client = await newClient(one);
    const { id } = await client.createPrivateChat({ user_id: other.tokens.user.id });
    await client.send({ chat_id: id, text: 'Salom' });
  }
});
