import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Page, Response } from 'playwright-core';
import { login, register } from 'suhbat/client';
import { eventually } from '../support/eventually.ts';
import { codeInFiles } from '../support/mail-files.ts';
import { headerOf } from '../support/mail-server.ts';
import { type Program, startProgram } from '../support/process.ts';
import {
  beginRegistration,
  codeFor,
  expectRefusals,
  mailsTo,
  newAccount,
  newClient,
  newName,
  newPage,
  password,
  stageUrl,
  useStage,
} from './stage.ts';

/** Longer than one must wait before another code can be asked for. */
const aWhileMs = 31_000;

const codeField = (page: Page) => page.getByLabel('Code from the mail');
/** Another code than this one. */
const otherThan = (code: string) => (code === '000000' ? '000001' : '000000');

describe('a code in the page', function () {
  this.timeout(90_000);
  useStage();

  it('is asked for where a phone offers it, and has the focus at once', async () => {
    const page = await newPage();
    await beginRegistration(page);
    const field = codeField(page);
    expect(await field.getAttribute('autocomplete')).to.equal('one-time-code');
    expect(await field.getAttribute('inputmode')).to.equal('numeric');
    expect(await field.evaluate((element) => element === document.activeElement)).to.equal(true);
  });

  it('is told to be wrong in words, is taken as it was pasted, and works once', async () => {
    const page = await newPage();
    const email = await beginRegistration(page);
    const code = await codeFor(email);
    expectRefusals();
    await codeField(page).fill('12');
    await page.keyboard.press('Enter');
    await page.getByText('The code has six digits.').waitFor();
    await codeField(page).fill(otherThan(code));
    await page.keyboard.press('Enter');
    await page.getByText('This is not the code that we sent.').waitFor();
    expect(await codeField(page).getAttribute('aria-invalid')).to.equal('true');
    await codeField(page).fill(`Code: ${code.slice(0, 3)} ${code.slice(3)}.`);
    expect(await codeField(page).inputValue()).to.equal(code);
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByText('No conversations yet').waitFor();

    const second = await newPage();
    await second.evaluate(
      (at) => sessionStorage.setItem('suhbat.entering', JSON.stringify({ view: 'register code', email: at })),
      email,
    );
    await second.reload();
    await codeField(second).fill(code);
    await second.keyboard.press('Enter');
    await second.getByText('This code does not work any more.').waitFor();
  });

  it('is sent again when one asks, a while later, and then the old one is void', async () => {
    const page = await newPage();
    await page.clock.install();
    let asked = 0;
    page.on('request', (request) => {
      if (request.url().endsWith('/api/v1/register')) asked++;
    });
    const email = await beginRegistration(page);
    const first = await codeFor(email);
    const again = page.getByRole('button', { name: 'Send again' });
    expect(await again.getAttribute('aria-disabled')).to.equal('true');
    expect(await again.innerText()).to.match(/^Send again in \d+ seconds$/);
    const name = await again.ariaSnapshot();
    expect(name, 'what is read out does not count seconds').to.equal('- button "Send again" [disabled]');
    await again.click({ force: true });
    await page.clock.fastForward(aWhileMs);
    await again.click();
    expect(await again.ariaSnapshot()).to.include('button "Send again"');
    await page.getByText('A new code is on its way.').waitFor();
    const second = await codeFor(email, 2);
    expect(asked, 'a button that waits asks for nothing').to.equal(2);
    if (first !== second) {
      expectRefusals();
      await codeField(page).fill(first);
      await page.keyboard.press('Enter');
      await page.getByText('This is not the code that we sent.').waitFor();
    }
    await codeField(page).fill(second);
    await page.keyboard.press('Enter');
    await page.getByText('No conversations yet').waitFor();
  });

  it('can go to another address, and nothing has to be written twice', async () => {
    const page = await newPage();
    const email = await beginRegistration(page);
    await page.getByRole('button', { name: 'Change the address' }).click();
    expect(await page.getByLabel('Your name').inputValue()).to.equal('Nodira');
    expect(await page.getByLabel('Email').inputValue()).to.equal(email);
    await page.getByLabel('Email').fill(`new.${email}`);
    await page.keyboard.press('Enter');
    await codeField(page).fill(await codeFor(`new.${email}`));
    await page.keyboard.press('Enter');
    await page.getByText('No conversations yet').waitFor();
  });

  it('is awaited still when the browser had to load the page anew, without a password kept', async () => {
    const page = await newPage();
    const email = await beginRegistration(page);
    const kept = await page.evaluate(() => JSON.stringify([{ ...sessionStorage }, { ...localStorage }]));
    expect(kept).to.include(email).and.not.include(password);
    await page.reload();
    await page.getByText(`We sent a code to ${email}`).waitFor();
    await codeField(page).fill(await codeFor(email));
    await page.keyboard.press('Enter');
    await page.getByText('No conversations yet').waitFor();
    expect(await page.evaluate(() => sessionStorage.length)).to.equal(0);
  });

  it('does not make an account whose name somebody has taken meanwhile: one chooses another', async () => {
    const page = await newPage();
    const username = newName('Nodira').toLowerCase();
    const email = await beginRegistration(page, username);
    await register(await stageUrl(), { email: `first.${email}`, username, password });
    expectRefusals();
    await codeField(page).fill(await codeFor(email));
    await page.keyboard.press('Enter');
    await page.getByText('This username is taken.').waitFor();
    await page.getByLabel('Username').fill(`${username}2`);
    await page.keyboard.press('Enter');
    await codeField(page).fill(await codeFor(email, 2));
    await page.keyboard.press('Enter');
    await page.getByText('No conversations yet').waitFor();
  });

  it('comes in the language of the page, which need not be the browser’s', async () => {
    const page = await newPage({ locale: 'en-GB' });
    await page.getByRole('radio', { name: 'O‘zbekcha' }).check();
    const username = newName('Nodira').toLowerCase();
    const email = `${username}@example.com`;
    await page.getByRole('button', { name: 'Ro‘yxatdan o‘tish' }).click();
    await page.getByLabel('Ismingiz').fill('Nodira');
    await page.getByLabel('Foydalanuvchi nomi').fill(username);
    await page.getByLabel('Email').fill(email);
    await page.getByLabel('Parol').fill(password);
    await page.keyboard.press('Enter');
    await page.getByText(`${email} manziliga kod yubordik`).waitFor();
    await page.getByLabel('Xatdagi kod').fill(await codeFor(email));
    const [mail] = await mailsTo(email);
    expect(mail && headerOf(mail, 'Subject')).to.match(/kod/i);
    await page.keyboard.press('Enter');
    await page.getByText('Hali suhbatlar yo‘q').waitFor();
  });

  it('sets a new password for who forgot the old one', async () => {
    const username = newName('Ali').toLowerCase();
    const email = `${username}@example.com`;
    const page = await newPage();
    const url = await stageUrl();
    await verified(page, username);
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByRole('button', { name: 'Log out' }).click();

    await page.getByRole('button', { name: 'Forgot the password?' }).click();
    await page.getByLabel('Email').fill(email);
    await page.keyboard.press('Enter');
    await page.getByText(`If an account has the address ${email}`).waitFor();
    const code = await codeFor(email, 2);
    await codeField(page).fill(otherThan(code));
    await page.getByLabel('New password').fill('short');
    expectRefusals();
    await page.keyboard.press('Enter');
    await page.getByText('The password needs at least 8 characters.').waitFor();
    await page.getByLabel('New password').fill('another long password');
    await page.keyboard.press('Enter');
    await page.getByText('This is not the code that we sent.').waitFor();
    await codeField(page).fill(code);
    await page.keyboard.press('Enter');
    await page.getByText('No conversations yet').waitFor();
    const old = await login(url, { login: username, password }).catch(({ code }) => code);
    expect(old).to.equal('unauthenticated');
    await login(url, { login: username, password: 'another long password' });
  });

  it('says no more of an address that nobody has than of another', async () => {
    const ali = await newAccount('Ali');
    const known = `${ali.username}@example.com`;
    await (await newClient(ali)).verifyEmail(await codeFor(known));
    const nobody = `nobody.${known}`;
    const page = await newPage();
    expectRefusals();
    /** All that is told of an address, the server's answers included. */
    async function toldOf(email: string, wrongCode: () => Promise<string>): Promise<string[]> {
      const answers: Promise<string>[] = [];
      const listen = (response: Response) => {
        if (!response.url().includes('/auth/password/')) return;
        // What names the request differs between any two.
        const answer = response.text().then((text) => text.replace(/"request_id":"[^"]*"/, ''));
        answers.push(answer.then((text) => `${response.status()} ${text}`));
      };
      page.on('response', listen);
      await page.getByRole('button', { name: 'Forgot the password?' }).click();
      await page.getByLabel('Email').fill(email);
      await page.keyboard.press('Enter');
      await page.getByText(`If an account has the address ${email}`).waitFor();
      const asked = await page.locator('main').ariaSnapshot();
      await codeField(page).fill(await wrongCode());
      await page.getByLabel('New password').fill('another long password');
      await page.keyboard.press('Enter');
      await page.getByText('This is not the code that we sent.').waitFor();
      const refused = await page.locator('main').ariaSnapshot();
      await eventually(() => answers.length === 2);
      page.off('response', listen);
      await page.getByRole('button', { name: 'Back to log in' }).click();
      await page.locator('input[name=login]').waitFor();
      const told = [asked, refused, ...(await Promise.all(answers))];
      return told.map((text) => text.replaceAll(email, '').replace(/textbox "Code.*/, ''));
    }
    const ofNobody = await toldOf(nobody, async () => '000000');
    const ofKnown = await toldOf(known, async () => otherThan(await codeFor(known, 2)));
    expect(ofNobody).to.deep.equal(ofKnown);
    expect(await mailsTo(nobody)).to.have.length(0);
  });

  async function verified(page: Page, username: string): Promise<void> {
    const email = await beginRegistration(page, username);
    await codeField(page).fill(await codeFor(email));
    await page.keyboard.press('Enter');
    await page.getByText('No conversations yet').waitFor();
  }
});

describe('the page of a server that has sent enough codes', function () {
  this.timeout(90_000);
  useStage();
  let folder = '';
  let program: Program;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'suhbat-codes-'));
    program = startProgram({ env: { SUHBAT_DATA_DIR: folder, SUHBAT_LIMIT_CODES_PER_ADDRESS: '1' } });
  });
  after(async () => {
    program.signal('SIGTERM');
    await program.ended();
    program.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  it('says when another can be had, and asks for none before', async () => {
    const page = await newPage({ baseURL: await program.ready() });
    await page.clock.install();
    const email = await beginRegistration(page);
    await page.clock.fastForward(aWhileMs);
    expectRefusals();
    await page.getByRole('button', { name: 'Send again', exact: true }).click();
    // One code an hour, and the first is a moment old.
    await page.getByText(/^Too many codes were asked for\. Try again in (60|59) minutes\.$/).waitFor();
    const again = page.getByRole('button', { name: 'Send again' });
    expect(await again.innerText()).to.match(/in (60|59) minutes/);
    expect(await again.getAttribute('aria-disabled')).to.equal('true');
    await codeField(page).fill(await codeInFiles(folder, email));
    await page.keyboard.press('Enter');
    await page.getByText('No conversations yet').waitFor();
  });
});
