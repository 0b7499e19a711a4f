import { AxeBuilder } from '@axe-core/playwright';
import { expect } from 'chai';
import type { Page } from 'playwright-core';
import sharp from 'sharp';
import { desk, phone } from '../support/browser.ts';
import {
  expectRefusals,
  logIn,
  newAccount,
  newClient,
  newName,
  newPage,
  password,
  rowOf,
  useStage,
} from './stage.ts';

/** Legacy mode: no page has frames, and opening another page for the report takes longer than the look. */
async function look(page: Page, where: string, rules: string[] | undefined): Promise<void> {
  const axe = new AxeBuilder({ page }).setLegacyMode();
  const { violations } = await (rules === undefined ? axe : axe.withRules(rules)).analyze();
  const told = violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${where}: ${id} at ${target.join(' ')}: ${failureSummary}`),
  );
  expect(told).to.deep.equal([]);
}

for (const colorScheme of ['light', 'dark'] as const)
  describe(`axe finds nothing, on a phone and a desk, ${colorScheme}`, function () {
    this.timeout(120_000);
    useStage();
    // The schemes differ in nothing but colours.
    const rules = colorScheme === 'dark' ? ['color-contrast', 'link-in-text-block'] : undefined;
    async function expectNone(page: Page, where: string): Promise<void> {
      for (const [size, viewport] of Object.entries({ phone, desk })) {
        await page.setViewportSize(viewport);
        await look(page, `${where}, ${size}`, rules);
      }
    }

    it('before there is a login', async () => {
      const page = await newPage({ colorScheme });
      await page.getByRole('button', { name: 'Log in' }).click();
      await expectNone(page, 'log in');
      await page.getByRole('button', { name: 'Create account' }).click();
      await page.getByRole('button', { name: 'Create account' }).click();
      await page.getByText('Please fill this in.').first().waitFor();
      await expectNone(page, 'register');
      await page.getByLabel('Your name').fill('Ali');
      await page.getByLabel('Username').fill(newName('Ali'));
      await page.getByLabel('Email').fill(`${newName('Ali')}@example.com`);
      await page.getByLabel('Password').fill(password);
      await page.getByRole('button', { name: 'Create account' }).click();
      await page.getByLabel('Code from the mail').fill('12');
      await page.keyboard.press('Enter');
      await page.getByText('The code has six digits.').waitFor();
      await expectNone(page, 'the code');
      await page.getByRole('button', { name: 'Log in' }).click();
      await page.getByRole('button', { name: 'Forgot the password?' }).click();
      await expectNone(page, 'forgot');
      await page.getByLabel('Email').fill('nobody@example.com');
      await page.keyboard.press('Enter');
      await page.getByLabel('New password').waitFor();
      await expectNone(page, 'a new password');
    });

    it('in the profile, its refusals, and the address', async () => {
      const page = await logIn(await newAccount('Ali'), { colorScheme });
      await page.getByRole('button', { name: 'Settings' }).click();
      await page.getByText('not verified yet').waitFor();
      await page.getByRole('button', { name: 'Edit profile' }).click();
      const file = page.locator('input[type=file]');
      expectRefusals();
      await file.setInputFiles({ name: 'a.png', mimeType: 'image/png', buffer: Buffer.from('none') });
      await page.getByText('This is no picture').waitFor();
      await page.getByLabel('Username').fill('');
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('Please fill this in.').waitFor();
      await expectNone(page, 'profile');
      const create = { width: 8, height: 8, channels: 3 as const, background: '#fff' };
      const buffer = await sharp({ create }).png().toBuffer();
      await file.setInputFiles({ name: 'a.png', mimeType: 'image/png', buffer });
      await page.getByRole('button', { name: 'Remove the picture' }).waitFor();
      await expectNone(page, 'profile with a picture');
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: 'Verify the address' }).click();
      await page.getByRole('button', { name: 'Send a code' }).click();
      await page.getByText('This needs your password.').waitFor();
      await expectNone(page, 'address');
      await page.getByRole('button', { name: 'I have a code' }).click();
      await page.getByLabel('Code from the mail').waitFor();
      await expectNone(page, 'the code for an address');
    });

    it('in the list, a chat, a group, the menu and the dialogs', async () => {
      const [ali, vali] = [await newAccount('Ali'), await newAccount('Vali')];
      const page = await logIn(ali, { colorScheme });
      await page.getByText('No conversations yet').waitFor();
      await expectNone(page, 'empty list');

      const client = await newClient(vali);
      const { id } = await client.createPrivateChat({ user_id: ali.tokens.user.id });
      const { seq } = await client.send({ chat_id: id, text: 'See https://example.com/a' });
      await client.react(id, seq, '👍');
      await client.send({ chat_id: id, text: 'so', reply_to: seq });
      const gone = await client.send({ chat_id: id, text: 'no' });
      await client.delete(id, gone.seq);
      const group = await client.createGroup({
        title: `G ${vali.username}`,
        member_ids: [ali.tokens.user.id],
      });
      await client.send({ chat_id: group.id, text: 'to all' });
      await client.setRole(group.id, ali.tokens.user.id, 'admin');
      await rowOf(page, group.title ?? '')
        .getByText('made you an admin')
        .waitFor();
      await expectNone(page, 'list');

      await rowOf(page, vali.name).click();
      await page.locator('.rows').getByText('Message deleted').waitFor();
      await page.locator('.composer textarea').fill('an answer');
      await page.keyboard.press('Enter');
      await page.locator('.own .ticks').waitFor();
      await expectNone(page, 'chat');
      await page.locator('.row').filter({ hasText: 'an answer' }).focus();
      await page.keyboard.press('Enter');
      await page.locator('.menu').waitFor();
      await expectNone(page, 'menu');
      await page.getByRole('menuitem', { name: 'Delete' }).click();
      await page.getByRole('dialog').waitFor();
      await expectNone(page, 'question');
      await page.keyboard.press('Escape');
      await page.keyboard.press('ArrowUp');

      await page.evaluate((to) => location.assign(`#/chat/${to}`), group.id);
      await page.locator('.rows').getByText('to all').waitFor();
      await expectNone(page, 'group');
      await page.locator('button.heading').click();
      await page.getByRole('dialog').getByText(vali.name).waitFor();
      await expectNone(page, 'group dialog');
      await page.getByRole('button', { name: 'Add people' }).click();
      await expectNone(page, 'adding people');
      await page.keyboard.press('Escape');
      await page.evaluate(() => location.assign('#/'));
      await page.getByRole('button', { name: 'New chat' }).click();
      await page.keyboard.type(vali.username);
      await page.locator('.person').first().waitFor();
      await expectNone(page, 'new chat');
      await page.getByRole('button', { name: 'New group' }).click();
      await page.getByRole('searchbox', { name: 'Find people' }).fill(vali.username);
      await page.locator('.person').first().click();
      await expectNone(page, 'new group');
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: 'Settings' }).click();
      await expectNone(page, 'settings');
      await page.keyboard.press('Escape');
      await page.context().setOffline(true);
      await page.locator('.side > .connection:not(.hidden)').waitFor();
      await expectNone(page, 'offline');
    });
  });
