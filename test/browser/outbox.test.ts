import { expect } from 'chai';
import type { WebSocketRoute } from 'playwright-core';
import { eventually } from '../support/eventually.ts';
import { logIn, newAccount, newClient, newPage, openChat, texts, useStage, write } from './stage.ts';

describe('the outbox of the page', function () {
  this.timeout(60_000);
  useStage();

  it('survives a reload: shown as waiting, then sent once and in order', async () => {
    const [ali, vali] = [await newAccount('Ali'), await newAccount('Vali')];
    const client = await newClient(vali);
    const chat = await client.createPrivateChat({ user_id: ali.tokens.user.id });
    const page = await logIn(ali);
    let holding = true;
    /** A network that swallows messages on their way to the server, and nothing else. */
    const through = (socket: WebSocketRoute) => {
      const server = socket.connectToServer();
      socket.onMessage((frame) => {
        if (!holding || !String(frame).includes('"message.send"')) server.send(frame);
      });
    };
    await page.routeWebSocket('**/ws', through);
    await page.reload();
    await openChat(page, vali.name);
    await write(page, 'first');
    await write(page, 'second');
    await page.locator('.row.pending').nth(1).waitFor();
    // On its disk: the page may go.
    const kept = () =>
      page.evaluate(async (userId) => {
        const request = indexedDB.open(`suhbat-outbox-${userId}`);
        const database = await new Promise<IDBDatabase>((resolve) => {
          request.onsuccess = () => resolve(request.result);
        });
        const count = database.transaction('sends').objectStore('sends').count();
        const found = await new Promise<number>((resolve) => {
          count.onsuccess = () => resolve(count.result);
        });
        database.close();
        return found;
      }, ali.tokens.user.id);
    await eventually(async () => (await kept()) === 2);

    await page.reload();
    await page.locator('.row.pending').nth(1).waitFor();
    expect(await texts(page)).to.deep.equal(['first', 'second']);
    holding = false;
    await page.reload();
    await eventually(async () => (await page.locator('.row.own:not(.pending)').count()) === 2);
    expect(await texts(page)).to.deep.equal(['first', 'second']);
    const { messages } = await client.history(chat.id);
    expect(messages.filter(({ kind }) => kind === 'text').map(({ text }) => text)).to.deep.equal([
      'second',
      'first',
    ]);
    await eventually(async () => (await kept()) === 0);
  });

  it('says what was refused for good, and can discard it', async () => {
    const [ali, vali] = [await newAccount('Ali'), await newAccount('Vali')];
    const client = await newClient(vali);
    const group = await client.createGroup({ title: `G ${vali.username}`, member_ids: [ali.tokens.user.id] });
    const page = await logIn(ali);
    await page.routeWebSocket('**/ws', (socket) => {
      const server = socket.connectToServer();
      socket.onMessage((frame) => {
        const { id, type } = JSON.parse(String(frame)) as { id: string; type: string };
        const refusal = { re: id, type: 'error', code: 'forbidden', title: '', retryable: false };
        if (type === 'message.send') socket.send(JSON.stringify(refusal));
        else server.send(frame);
      });
    });
    await page.reload();
    await openChat(page, group.title ?? '');
    await write(page, 'never');
    await page.getByText('You may not do that.').waitFor();
    await page.getByRole('button', { name: 'Discard' }).click();
    await page.locator('.row.pending').waitFor({ state: 'detached' });
  });
});

describe('two tabs of one browser', function () {
  this.timeout(60_000);
  useStage();

  it('renew their one login together, and stay logged in', async () => {
    const ali = await newAccount('Ali');
    const first = await logIn(ali);
    const context = first.context();
    const refreshes: string[] = [];
    context.on('request', (request) => {
      if (request.url().endsWith('/auth/refresh')) refreshes.push(request.postData() ?? '');
    });
    // An access token that the server does not take, as if it had expired while all tabs slept.
    await first.evaluate(() => {
      const login = JSON.parse(localStorage.getItem('suhbat.login') ?? '');
      localStorage.setItem('suhbat.login', JSON.stringify({ ...login, access_token: 'spent' }));
    });
    const second = await context.newPage();
    await Promise.all([first.reload(), second.goto('/')]);
    for (const page of [first, second]) await page.getByText('No conversations yet').waitFor();
    // What one tab stores may reach the other a moment after the lock does; then it repeats the very same
    // refresh, which the server answers alike. A second refresh of its own would show as another token.
    expect(new Set(refreshes).size, refreshes.join()).to.equal(1);
    for (const page of [first, second]) await page.reload();
    for (const page of [first, second]) await page.getByText('No conversations yet').waitFor();
    expect(new Set(refreshes).size, refreshes.join()).to.equal(1);
  });

  it('log out together, and another person finds nothing of the first', async () => {
    const [ali, vali] = [await newAccount('Ali'), await newAccount('Vali')];
    const client = await newClient(vali);
    const chat = await client.createPrivateChat({ user_id: ali.tokens.user.id });
    await client.send({ chat_id: chat.id, text: 'for Ali' });
    const first = await logIn(ali);
    const second = await first.context().newPage();
    await second.goto('/');
    await openChat(second, vali.name);
    await first.getByRole('button', { name: 'Settings' }).click();
    await first.getByRole('button', { name: 'Log out' }).click();
    for (const page of [first, second]) await page.locator('input[name=login]').waitFor();
    expect(await second.evaluate(() => localStorage.getItem('suhbat.login'))).to.equal(null);
    expect(await second.getByText('for Ali').count()).to.equal(0);
    const other = await newPage();
    await other.locator('input[name=login]').waitFor();
  });
});
