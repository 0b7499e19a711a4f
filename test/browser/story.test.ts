import { expect } from 'chai';
import type { Locator, Page } from 'playwright-core';
import sharp from 'sharp';
import { openSocket } from '../integration/product/support/socket.ts';
import { eventually } from '../support/eventually.ts';
import {
  beginRegistration,
  codeFor,
  logIn,
  newAccount,
  newName,
  newPage,
  stageUrl,
  texts,
  useStage,
  write,
} from './stage.ts';

/** A picture that is loaded, and not only in the document. */
async function seen(picture: Locator): Promise<void> {
  await picture.waitFor();
  await eventually(() => picture.evaluate((image: HTMLImageElement) => image.naturalWidth > 0));
}

interface Kept {
  access_token: string;
  refresh_token: string;
}

const kept = (page: Page) => page.evaluate(() => localStorage.getItem('suhbat.login'));

async function ask(method: string, path: string, { token = '', body = {} }): Promise<number> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const sent = method === 'GET' ? {} : { body: JSON.stringify(body) };
  return (await fetch(`${await stageUrl()}${path}`, { method, headers, ...sent })).status;
}

describe('an account in the page, from its first code to its last logout', function () {
  this.timeout(90_000);
  useStage();

  it('is there when its code comes back, is found with its picture, talks, and is dead for who has logged out', async () => {
    const friend = await newAccount('Vali');
    const username = newName('Nodira').toLowerCase();

    // Registering
    const page = await newPage();
    const sockets: { isClosed(): boolean }[] = [];
    page.on('websocket', (socket) => sockets.push(socket));
    const email = await beginRegistration(page, username);
    await page.getByLabel('Code from the mail').fill(await codeFor(email));
    await page.keyboard.press('Enter');
    await page.getByText('No conversations yet').waitFor();

    // The profile
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByText('verified', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Edit profile' }).click();
    const profile = page.getByRole('dialog', { name: 'Profile' });
    const buffer = await sharp({ create: { width: 64, height: 48, channels: 3, background: '#0d6e66' } })
      .png()
      .toBuffer();
    await profile
      .locator('input[type=file]')
      .setInputFiles({ name: 'me.png', mimeType: 'image/png', buffer });
    await seen(profile.locator('.avatar img'));
    await profile.getByLabel('Last name').fill('Karimova');
    await profile.getByLabel('About you').fill('Samarqand');
    await profile.getByRole('button', { name: 'Save' }).click();
    await profile.getByText('Saved', { exact: true }).last().waitFor();
    await page.keyboard.press('Escape');
    await seen(page.getByRole('dialog', { name: 'Settings' }).locator('.avatar img'));
    await page.keyboard.press('Escape');

    // Somebody finds her
    const other = await logIn(friend);
    await other.getByRole('button', { name: 'New chat' }).click();
    await other.keyboard.type(username.slice(0, -1));
    const found = other.locator('.person').filter({ hasText: `@${username}` });
    await seen(found.locator('.avatar img'));
    await found.click();
    await seen(other.locator('.heading .avatar img'));
    await write(other, 'Salom!');

    // They talk
    const row = page.locator('.chat-row').filter({ hasText: friend.name });
    await row.getByText('Salom!').waitFor();
    await row.click();
    await write(page, 'Vaalaykum assalom!');
    await eventually(async () => (await texts(other)).join() === 'Salom!,Vaalaykum assalom!');
    await seen(other.locator('.chat-row .avatar img'));

    // And out
    const { access_token, refresh_token } = JSON.parse((await kept(page)) ?? '{}') as Kept;
    expect(await ask('GET', '/me', { token: access_token })).to.equal(200);
    const socket = await openSocket(await stageUrl(), { token: access_token });
    await socket.event('ready');
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.locator('input[name=login]').waitFor();
    expect(await socket.end(), 'a socket of the login').to.include({ code: 4003 });
    expect(await ask('GET', '/me', { token: access_token }), 'its access token').to.equal(401);
    const refreshed = await ask('POST', '/api/v1/auth/refresh', { body: { refresh_token } });
    expect(refreshed, 'its refresh token').to.equal(401);
    expect(sockets.length).to.be.greaterThan(0);
    await eventually(() => sockets.every((one) => one.isClosed()));
    expect(await kept(page), 'what the page keeps').to.equal(null);
    await page.reload();
    await page.locator('input[name=login]').waitFor();
    await other.locator('.rows').getByText('Vaalaykum assalom!').waitFor();
  });
});
