import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import type { EmbeddedPostgres } from '../../../ops/embedded/postgres.ts';
import type { Tokens } from '../../../schemas/rest/accounts.ts';
import type { Problem } from '../../../schemas/rest/problem.ts';
import { startTestPostgres } from '../../support/database.ts';
import { eventually } from '../../support/eventually.ts';
import { message } from './frames/cases.ts';
import { expectExact } from './support/exact.ts';
import { refused } from './support/expected.ts';
import { type Product, startProduct } from './support/program.ts';
import { rest } from './support/rest.ts';
import { freshAddress, freshName, freshPassword, say } from './support/secrets.ts';
import { closeSockets, openSocket, type Socket } from './support/socket.ts';

describe('while PostgreSQL is away', () => {
  let postgres: EmbeddedPostgres;
  let own: Product;
  let socket: Socket;
  let token: string;
  let chat_id: string;
  let user_id: string;

  before(async function () {
    this.timeout(60_000);
    postgres = await startTestPostgres();
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    own = await startProduct({
      DATABASE_URL: postgres.url,
      SUHBAT_TOKEN_KEY: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      SUHBAT_REFRESH_SECRET: 'a secret of at least thirty-two bytes',
      SUHBAT_CALL_TIMEOUT: '5000',
      SUHBAT_STOP_DEADLINE: '3000',
    });
    const register = async () => {
      const body = { username: freshName(), email: freshAddress(), password: freshPassword() };
      const answer = await rest<Tokens>('POST', '/api/v1/auth/register', { body, url: own.url });
      expect(answer.status).to.equal(201);
      return answer.body;
    };
    const [ann, bob] = [await register(), await register()];
    token = ann.access_token;
    user_id = bob.user.id;
    socket = await openSocket(own.url, { token });
    await socket.event('ready');
    chat_id = (await socket.request('chat.create', { chat_type: 'private', user_id })).chat.id;
    await socket.request('message.send', message(chat_id));
    await postgres.stop();
  });
  afterEach(expectExact);
  after(async function () {
    this.timeout(30_000);
    closeSockets();
    own?.program.kill();
    await own?.end().catch(() => {});
    await postgres?.stop();
  });

  it('what needs it is refused with 503 and Retry-After over REST', async () => {
    for (const [method, path, body] of [
      ['GET', '/me', undefined],
      ['GET', '/api/v1/chats', undefined],
      ['GET', '/api/v1/users?search=x', undefined],
      ['POST', '/api/v1/chats', { type: 'group', title: say() }],
      ['PATCH', `/api/v1/chats/${chat_id}`, { title: say() }],
    ] as const) {
      const {
        status,
        headers,
        body: problem,
      } = await rest<Problem>(method, path, { token, body, url: own.url });
      // A private chat has no title, with or without PostgreSQL.
      const expected = method === 'PATCH' ? [403, 503] : [503];
      expect(expected, `${method} ${path} ${status}`).to.include(status);
      if (status !== 503) continue;
      expect(problem).to.include({ code: 'unavailable' });
      expect(headers.get('retry-after')).to.match(/^[1-9]\d*$/);
    }
  });

  it('the same over a socket, retryable', async () => {
    for (const [type, fields] of [
      ['sync', {}],
      ['chat.create', { chat_type: 'group', title: say() }],
      ['member.add', { chat_id, user_ids: [user_id] }],
      [
        'message.send',
        { ...message(''), chat_id: undefined, user_id: '01a1fb80-10bd-738e-9300-c064a046f9f6' },
      ],
    ] as const) {
      const refusal = await socket.refusal(type, fields);
      expect({ type, code: refusal.code }).to.deep.equal({ type, code: 'unavailable' });
      expect(refusal.retryable).to.equal(true);
    }
  });

  it('messages in chats that are active go on, and are in the history at once', async () => {
    const fields = message(chat_id);
    const { seq } = await socket.request('message.send', fields);
    const { messages } = await socket.request('history', { chat_id, after: seq - 1 });
    expect(messages.map(({ text }) => text)).to.deep.equal([fields.text]);
    await socket.request('message.edit', { chat_id, target: seq, text: say('edited') });
    await socket.request('reaction.set', { chat_id, target: seq, emoji: '👍' });
    await socket.request('read', { chat_id, seq });
    await refused(
      socket.refusal('message.edit', { chat_id, target: 1, text: say() }),
      'forbidden',
      'service_message',
    );
  });

  it('the program says that it is degraded, and stays ready', async () => {
    // The write-behind finds out, a moment after the last message.
    await eventually(async () => {
      const { status, body } = await rest<{ status: string }>('GET', '/health', { url: own.url });
      expect(status).to.equal(200);
      return body.status === 'degraded' || body.status;
    });
    expect((await rest('GET', '/live', { url: own.url })).status).to.equal(200);
  });
});
