import { expect } from 'chai';
import type { Chat } from '../../../schemas/chat/wire.ts';
import type { ProfileList, Tokens } from '../../../schemas/rest/accounts.ts';
import type { Problem } from '../../../schemas/rest/problem.ts';
import type { OwnProfile } from '../../../schemas/user/profile.ts';
import { get, png, upload } from './media/support.ts';
import { codeFor } from './support/mails.ts';
import { useProduct } from './support/program.ts';
import { rest } from './support/rest.ts';
import { freshAddress, freshName, freshPassword, say } from './support/secrets.ts';
import { newPeople, userOf } from './support/users.ts';

describe('an account, from its first code to its last logout', function () {
  this.timeout(60_000);
  useProduct();

  it('is there when its code comes back, is found, talks, and is dead for who has logged out', async () => {
    const [friend] = await newPeople('friend');
    const [email, username, password] = [freshAddress(), freshName('story'), freshPassword()];
    const name = say('Nodira');

    const begun = await rest('POST', '/api/v1/register', { body: { email, username, name, password } });
    expect(begun.status).to.equal(202);
    const early = await rest('POST', '/api/v1/login', { body: { username, password } });
    expect(early.status, 'nobody is there before the code comes back').to.equal(401);
    const code = await codeFor(email);
    const other = code === '000000' ? '000001' : '000000';
    const verify = (tried: string) => ({ body: { email, code: tried } });
    const wrong = await rest<Problem>('POST', '/api/v1/verify-register', verify(other));
    expect([wrong.status, wrong.body.reason]).to.deep.equal([422, 'code_wrong']);
    const made = await rest<Tokens>('POST', '/api/v1/verify-register', verify(code));
    expect(made.status).to.equal(201);
    expect(made.body.user).to.include({ username, email, email_verified: true, display_name: name });
    const again = await rest<Problem>('POST', '/api/v1/verify-register', verify(code));
    expect(again.status, 'a code works once').to.equal(422);

    const user = userOf(made.body, email, password);
    const changed = await user.rest<OwnProfile>('PATCH', '/me', { level: 'B2', timezone: 'Asia/Tashkent' });
    expect(changed.body).to.include({ level: 'B2', timezone: 'Asia/Tashkent' });
    const worn = await upload(user, { bytes: await png(64, 64) }, '/me/avatar');
    expect(worn.status).to.equal(201);

    const query = `/api/v1/users?search=${encodeURIComponent(username.slice(0, -2))}`;
    const { items } = (await friend.rest<ProfileList>('GET', query)).body;
    expect(items.map(({ id }) => id)).to.deep.equal([user.id]);
    const seen = await get(items[0]?.avatar?.url ?? '');
    expect([seen.status, seen.headers.get('content-type')]).to.deep.equal([200, 'image/png']);

    const socket = await user.open();
    const chat = await friend.rest<Chat>('POST', '/api/v1/chats', { type: 'private', user_id: user.id });
    expect(chat.status).to.equal(201);
    const chat_id = chat.body.id;
    const [question, answer] = [say('Salom!'), say('Vaalaykum assalom!')];
    await friend.rest('POST', `/api/v1/chats/${chat_id}/messages`, { text: question });
    await socket.event('message.new', { chat_id, text: question, sender_id: friend.id });
    await user.rest('POST', `/api/v1/chats/${chat_id}/messages`, { text: answer });
    await friend.socket.event('message.new', { chat_id, text: answer, sender_id: user.id });

    expect((await user.rest('POST', '/api/v1/auth/logout')).status).to.equal(204);
    expect((await user.rest('GET', '/me')).status, 'its access token').to.equal(401);
    expect(await socket.end(), 'its socket').to.include({ code: 4003 });
    const { refresh_token } = user.tokens;
    const refreshed = await rest('POST', '/api/v1/auth/refresh', { body: { refresh_token } });
    expect(refreshed.status, 'its refresh token').to.equal(401);
    const messages = await friend.rest<{ messages: { text: string | null }[] }>(
      'GET',
      `/api/v1/chats/${chat_id}/messages`,
    );
    expect(messages.body.messages.map(({ text }) => text)).to.include.members([question, answer]);
  });
});
