import { codeFor, newName, newPage, password, useStage } from './stage.ts';

describe('an account in the page', function () {
  this.timeout(90_000);
  useStage();

  it('is there when its code comes back', async () => {
    const username = newName('Nodira');
    const email = `${username.toLowerCase()}@example.com`;
    const page = await newPage();
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.getByLabel('Your name').fill('Nodira');
    await page.getByLabel('Username').fill(username);
    await page.getByLabel('Email').fill(email);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.getByText(`We sent a code to ${email}`).waitFor();
    await page.getByLabel('Code from the mail').fill(await codeFor(email));
    await page.keyboard.press('Enter');
    await page.getByText('No conversations yet').waitFor();
  });
});
