import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import type { Tokens } from '../../../schemas/rest/accounts.ts';
import type { Problem } from '../../../schemas/rest/problem.ts';
import { eventually } from '../../support/eventually.ts';
import { message } from './frames/cases.ts';
import { expectExact } from './support/exact.ts';
import { type Product, startProduct } from './support/program.ts';
import { rest } from './support/rest.ts';
import { freshAddress, freshName, freshPassword } from './support/secrets.ts';
import { closeSockets, openSocket } from './support/socket.ts';

describe('over a rate limit', () => {
  let own: Product;
  before(async function () {
    this.timeout(60_000);
    // The messages' bucket holds two, and fills in a second; a connection's holds twenty.
    own = await startProduct({
      SUHBAT_RATE_LIMIT_FACTOR: '1',
      SUHBAT_LIMIT_AUTH_PER_IP: '1000',
      SUHBAT_LIMIT_AUTH_PER_ADDRESS: '3',
      SUHBAT_LIMIT_CALLS: '60',
      SUHBAT_LIMIT_MESSAGES: '1',
      SUHBAT_LIMIT_FRAMES: '10',
      SUHBAT_LIMIT_SOCKETS_PER_IP: '3',
    });
  });
  afterEach(() => {
    closeSockets();
    expectExact();
  });
  after(function () {
    this.timeout(30_000);
    return own?.end();
  });

  async function newUser() {
    const body = { username: freshName(), email: freshAddress(), password: freshPassword() };
    const answer = await rest<Tokens>('POST', '/api/v1/auth/register', { body, url: own.url });
    expect(answer.status).to.equal(201);
    return { ...body, token: answer.body.access_token, id: answer.body.user.id };
  }

  type Answer = Awaited<ReturnType<typeof rest<Problem>>>;

  /** The first refusal of what is asked again and again; that it says when to come back. */
  async function firstRefusal(ask: (turn: number) => Promise<Answer>, most: number): Promise<number> {
    for (let turn = 1; turn <= most; turn++) {
      const answer = await ask(turn);
      if (answer.status !== 429) continue;
      expectLimited(answer);
      return turn;
    }
    throw new Error('It was never refused');
  }

  function expectLimited({ headers, body }: Answer): void {
    expect(body).to.include({ code: 'rate_limited', title: 'Too many requests' });
    expect(headers.get('retry-after')).to.match(/^[1-9]\d*$/);
  }

  it('logging in is refused with 429 and Retry-After, by name, whatever the password', async () => {
    const { username, password } = await newUser();
    const login = (name: string, word: string) =>
      rest<Problem>('POST', '/api/v1/auth/login', { body: { username: name, password: word }, url: own.url });
    const turn = await firstRefusal((at) => login(at % 2 ? username : username.toUpperCase(), 'wrong'), 10);
    expect(turn).to.be.at.most(4);
    expect((await login(username, password)).status).to.equal(429);
    expect((await login((await newUser()).username, 'wrong')).status).to.equal(401);
  });

  it('passwords of who holds a token are tried some few times, over all ways of trying together', async () => {
    const [ann, bob] = [await newUser(), await newUser()];
    const ways = [
      ['POST', '/api/v1/auth/password', { current_password: 'wrong', new_password: 'long enough' }],
      ['POST', '/me/delete', { password: 'wrong' }],
      ['DELETE', '/me?password=wrong', undefined],
    ] as const;
    const turn = await firstRefusal((at) => {
      const [method, path, body] = ways[at % 3] ?? ways[0];
      return rest<Problem>(method, path, { token: ann.token, body, url: own.url });
    }, 10);
    expect(turn).to.equal(4);
    const right = { token: bob.token, body: { password: bob.password }, url: own.url };
    expect((await rest('POST', '/me/delete', right)).status).to.equal(204);
  });

  it('calls of one user are refused, and of no other', async () => {
    const [ann, bob] = [await newUser(), await newUser()];
    const me = (token: string) => rest<Problem>('GET', '/me', { token, url: own.url });
    expect(await firstRefusal(() => me(ann.token), 100)).to.be.at.least(60);
    expect((await me(bob.token)).status).to.equal(200);
  });

  it('messages of one login are refused over REST and sockets together, and may be repeated', async () => {
    const [ann, bob] = [await newUser(), await newUser()];
    const socket = await openSocket(own.url, { token: ann.token });
    await socket.event('ready');
    const { chat } = await socket.request('chat.create', { chat_type: 'private', user_id: bob.id });
    const path = `/api/v1/chats/${chat.id}/messages`;
    const post = () =>
      rest<Problem>('POST', path, { token: ann.token, body: { text: 'hushhush' }, url: own.url });
    const sent = Array.from({ length: 10 }, () => message(chat.id));
    const began = performance.now();
    const [posts, replies] = await Promise.all([
      Promise.all(sent.map(post)),
      Promise.all(sent.map((one) => socket.ask('message.send', one))),
    ]);
    const passed = [
      ...posts.filter(({ status }) => status < 300),
      ...replies.filter(({ type }) => type === 'ok'),
    ];
    expect(passed.length).to.be.at.most(2 + Math.ceil((performance.now() - began) / 1000));
    const late = posts.filter(({ status }) => status === 429);
    expect(late).to.not.deep.equal([]);
    for (const answer of late) expectLimited(answer);
    const at = replies.findIndex(({ type }) => type !== 'ok');
    const fields = sent[at] ?? {};
    let refusal = replies[at] ?? {};
    expect(refusal).to.include({ code: 'rate_limited', retryable: true });
    expect(refusal.retry_after_ms).to.be.within(1, 1000);
    // Repeated when the refusal says, it goes through sooner or later.
    await eventually(async () => {
      await pause(Number(refusal.retry_after_ms));
      refusal = await socket.ask('message.send', fields);
      return refusal.type === 'ok';
    });
  });

  it('requests of one connection are refused, and close it with 4009 when they go on', async function () {
    this.timeout(30_000);
    const { token } = await newUser();
    const socket = await openSocket(own.url, { token });
    await socket.event('ready');
    const replies = await Promise.all(Array.from({ length: 40 }, () => socket.ask('ping')));
    const refused = replies.filter(({ type }) => type === 'error');
    expect(refused.length).to.be.at.least(10);
    for (const refusal of refused) expect(refusal).to.include({ code: 'rate_limited', retryable: true });
    const flood = setInterval(() => {
      for (let n = 0; n < 100; n++) socket.ask('ping').catch(() => {});
    }, 50);
    const closed = await socket.end().finally(() => clearInterval(flood));
    expect(closed).to.include({ code: 4009 });
  });

  it('sockets of one address are refused at the upgrade', async () => {
    const open = [];
    for (let n = 0; n < 3; n++) open.push(await openSocket(own.url));
    const refused = await openSocket(own.url).then(
      () => 'opened',
      () => 'refused',
    );
    expect(refused).to.equal('refused');
    for (const socket of open) await socket.request('ping', {});
  });
});
