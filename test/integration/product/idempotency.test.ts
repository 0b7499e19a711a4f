import { expect } from 'chai';
import type { Chat, Message } from '../../../schemas/chat/wire.ts';
import { newId } from '../../../schemas/ids.ts';
import type { Problem } from '../../../schemas/rest/problem.ts';
import { useProduct } from './support/program.ts';
import { rest } from './support/rest.ts';
import { say } from './support/secrets.ts';
import { newUser, newUsers, type User } from './support/users.ts';

describe('requests with an Idempotency-Key', () => {
  useProduct();

  const send = <Body = Problem & Chat & Message>(
    user: User,
    path: string,
    body: object | undefined,
    key: string,
  ) =>
    rest<Body>('POST', path, {
      token: user.tokens.access_token,
      body,
      headers: { 'idempotency-key': key },
    });
  const group = (user: User, key: string, title: string) =>
    send(user, '/api/v1/chats', { type: 'group', title }, key);
  const chatsOf = async (user: User) =>
    (await user.rest<{ items: unknown[] }>('GET', '/api/v1/chats')).body.items.length;

  it('make one group, however often they are repeated, and give the same answer', async () => {
    const user = await newUser();
    const [key, title] = [newId(), say()];
    const first = await group(user, key, title);
    expect(first.status).to.equal(201);
    for (let n = 0; n < 3; n++) {
      const { status, body } = await group(user, key, title);
      expect({ status, body }).to.deep.equal({ status: 201, body: first.body });
    }
    expect(await chatsOf(user)).to.equal(1);
  });

  it('that come at once make one group too: the others are told to wait, or get the answer', async () => {
    const user = await newUser();
    const [key, title] = [newId(), say()];
    const answers = await Promise.all(Array.from({ length: 8 }, () => group(user, key, title)));
    const made = answers.filter(({ status }) => status === 201);
    expect(made).to.not.be.empty;
    for (const { status, body } of answers)
      if (status !== 201) expect(body).to.include({ status: 409, code: 'conflict', reason: 'key_running' });
    expect(new Set(made.map(({ body }) => body.id))).to.have.property('size', 1);
    expect(await chatsOf(user)).to.equal(1);
  });

  it('are refused with another body or on another path, and change nothing', async () => {
    const [user, peer] = await newUsers('ann', 'bob');
    const key = newId();
    const { body: chat } = await group(user, key, say());
    const others = [
      await group(user, key, say()),
      await send(user, `/api/v1/chats/${chat.id}/messages`, { text: say() }, key),
      await send(user, `/api/v1/chats/${chat.id}/members`, { user_ids: [peer.id] }, key),
    ];
    for (const { body } of others)
      expect(body).to.include({ status: 422, code: 'unprocessable', reason: 'key_reused' });
    expect(await chatsOf(user)).to.equal(1);
    expect(await chatsOf(peer)).to.equal(0);
  });

  it('are of their caller alone', async () => {
    const [ann, bob] = await newUsers('ann', 'bob');
    const [key, title] = [newId(), say()];
    const [one, two] = [await group(ann, key, title), await group(bob, key, title)];
    expect([one.status, two.status]).to.deep.equal([201, 201]);
    expect(one.body.id).to.not.equal(two.body.id);
  });

  it('make one message, with a client_id of the key', async () => {
    const user = await newUser();
    const { body: chat } = await group(user, newId(), say());
    const path = `/api/v1/chats/${chat.id}/messages`;
    const [key, text] = ['a key of no form!'.replaceAll(' ', '-'), say()];
    const first = await send(user, path, { text }, key);
    const again = await send(user, path, { text }, key);
    expect([first.status, again.status]).to.deep.equal([201, 201]);
    expect(again.body).to.deep.equal(first.body);
    expect((await send(user, path, { text }, newId())).body.seq).to.equal(first.body.seq + 1);
  });

  it('keep refusals that stand, and not those of what may pass', async () => {
    const [user, peer] = await newUsers('ann', 'bob');
    const nobody = newId();
    const key = newId();
    const ask = (id: string) => send(user, '/api/v1/chats', { type: 'private', user_id: id }, key);
    const [first, again] = [await ask(nobody), await ask(nobody)];
    expect(first.body).to.include({ status: 404, reason: 'no_user' });
    const { request_id: _, ...said } = first.body as unknown as Record<string, unknown>;
    expect(again.body).to.deep.include(said);
    expect((await ask(peer.id)).body).to.include({ reason: 'key_reused' });
  });

  it('are refused where the key is none, and need a token before anything else', async () => {
    const user = await newUser();
    for (const key of ['x'.repeat(256), 'two words', 'tab\there']) {
      const { body } = await group(user, key, say());
      expect(body, key).to.include({ status: 400, code: 'invalid', reason: 'bad_idempotency_key' });
    }
    const { status } = await rest('POST', '/api/v1/chats', {
      body: { type: 'group', title: say() },
      headers: { 'idempotency-key': newId() },
    });
    expect(status).to.equal(401);
    expect(await chatsOf(user)).to.equal(0);
  });

  it('are not looked at where tokens are answered', async () => {
    const user = await newUser();
    const login = () =>
      rest<{ refresh_token: string }>('POST', '/api/v1/auth/login', {
        body: { username: user.username, password: user.password },
        headers: { 'idempotency-key': 'same' },
      });
    const [one, two] = [await login(), await login()];
    expect(one.body.refresh_token).to.not.equal(two.body.refresh_token);
  });
});
