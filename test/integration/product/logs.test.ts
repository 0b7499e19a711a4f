import { expect } from 'chai';
import { eventually } from '../../support/eventually.ts';
import { message } from './frames/cases.ts';
import { product, useProduct } from './support/program.ts';
import { rest } from './support/rest.ts';
import {
  expectNoSecrets,
  freshAddress,
  freshName,
  freshPassword,
  keepSecret,
  say,
} from './support/secrets.ts';
import { newGroup, newPeople } from './support/users.ts';

describe('the log', () => {
  useProduct();

  it('has a line for every request, and no token, address, name, password or text in any', async () => {
    const [ann, bob] = await newPeople('ann', 'bob');
    const { id: chat_id } = await newGroup(ann, bob);
    const wrong = { username: ann.username, password: freshPassword() };
    const asked = [
      rest('POST', '/api/v1/auth/login', { body: wrong }),
      rest('POST', '/api/v1/auth/login', { body: { ...wrong, nonsense: say() } }),
      rest('POST', '/api/v1/auth/login', { raw: `{"password":"${freshPassword()}` }),
      rest('POST', '/api/v1/auth/register', { body: { ...wrong, email: freshAddress() } }),
      rest('POST', '/api/v1/auth/refresh', {
        body: { refresh_token: keepSecret(`${ann.login_id}.1.${'B'.repeat(43)}`) },
      }),
      rest('GET', '/me', { token: keepSecret(`eyJhbGciOiJFUzI1NiJ9.${freshName()}.x`) }),
      rest('GET', `/api/v1/users?search=${encodeURIComponent(say())}`, { token: ann.tokens.access_token }),
      rest('GET', `/api/v1/users/${freshName()}`, { token: ann.tokens.access_token }),
      rest('GET', `/ws?ticket=${keepSecret('ticket-that-nobody-gave')}`),
      rest('GET', `/${freshName()}?text=${freshName()}`),
      ann.rest('PATCH', '/me', { bio: say(), settings: { note: say() } }),
      ann.rest('POST', `/api/v1/chats/${chat_id}/messages`, { text: say() }),
      ann.rest('POST', `/api/v1/chats/${chat_id}/messages`, { text: `${say()}\u0000` }),
    ];
    const answers = await Promise.all(asked as ReturnType<typeof rest>[]);
    ann.socket.raw(`{"text":"${say()}"`);
    await ann.socket.ask('message.send', { ...message(chat_id), text: say(), more: say() });
    await ann.socket.ask('auth', { token: keepSecret('a-token-of-no-kind') });
    await ann.socket.quiet();
    const ids = answers.map(({ headers }) => headers.get('x-request-id') ?? 'none');
    const log = () => product().program.stderr();
    await eventually(() => ids.every((id) => log().includes(`"request_id":"${id}"`)));
    expectNoSecrets(log());
    // The last line may not have come whole.
    const lines = log().split('\n').slice(0, -1);
    for (const line of lines) expect(JSON.parse(line)).to.include.keys('level', 'time');
  });
});
