import { expect } from 'chai';
import { sql } from 'slonik';
import { typed } from '../../../ops/connections/postgres.ts';
import { refusalOf } from '../../../schemas/errors.ts';
import type { Tokens } from '../../../schemas/rest/accounts.ts';
import { createGoogle } from '../../../services/users/google-client.ts';
import {
  clientId,
  clientSecret,
  type Member,
  type Oidc,
  otherClientId,
  startOidc,
} from '../../support/oidc.ts';
import { type Accounts, startAccounts } from './support.ts';

const publicUrl = 'https://suhbat.example';
const callback = `${publicUrl}/auth/google/callback`;
const returnTo = 'https://app.example/in';

const members: Member[] = [
  { sub: '1', email: 'ann@example.com', email_verified: true, name: 'Ann Lee' },
  { sub: '2', email: 'verified@example.com', email_verified: true },
  { sub: '3', email: 'claimed@example.com', email_verified: true },
  { sub: '4', email: 'owner@example.com', email_verified: false, name: 'Mallory' },
  { sub: '5', email: 'banned@example.com', email_verified: true },
  { sub: '6', email: 'race@example.com', email_verified: true },
  { sub: '7', email: 'moved@example.com', email_verified: true },
];

describe('signing in with Google', () => {
  let oidc: Oidc;
  let accounts: Accounts;

  before(async () => {
    oidc = await startOidc(callback, members);
    const client = createGoogle({ clientId, clientSecret, issuer: oidc.issuer, publicUrl });
    accounts = await startAccounts(undefined, { client, returnTo: [returnTo] });
  });
  after(async () => {
    await accounts?.stop();
    await oidc?.stop();
  });

  /** A browser that was sent off: where to, and its cookie. */
  async function begin(query: Record<string, string> = {}): Promise<{ url: string; cookie: string }> {
    const { status, headers } = await accounts.answerOf('GET /auth/google/login', { query });
    expect(status).to.equal(302);
    const set = headers?.['Set-Cookie'] ?? '';
    expect(set).to.match(
      /^suhbat_google=[\w-]{43}; Path=\/auth\/google; Max-Age=600; HttpOnly; SameSite=Lax; Secure$/,
    );
    return { url: headers?.Location ?? '', cookie: `other=1; ${set.split(';')[0]}` };
  }

  function back(url: string, cookie: string) {
    const query = Object.fromEntries(new URL(url).searchParams);
    return accounts.answerOf('GET /auth/google/callback', { query, headers: { cookie } });
  }

  /** There and back as this member. */
  async function enter(sub: string): Promise<Tokens> {
    const { url, cookie } = await begin();
    const { body, status } = await back(await oidc.signIn(url, sub), cookie);
    expect(status).to.equal(200);
    return body as Tokens;
  }

  const refusal = (answer: Promise<unknown>) =>
    answer.then(
      () => 'accepted',
      (error: unknown) => refusalOf(error).reason ?? refusalOf(error).code,
    );

  async function verifiedUser(email: string): Promise<Tokens> {
    const tokens = await accounts.register({ email });
    await accounts.db.query(sql.unsafe`
      update users set email = pending_email, pending_email = null where id = ${tokens.user.id}`);
    return tokens;
  }

  const actsOf = (userId: string) =>
    accounts.db.anyFirst(typed<{ action: string }>()`
      select action from audit_logs where actor_id = ${userId} order by created_at, id`);

  it('sends the browser off with state, nonce, PKCE and the exact redirect', async () => {
    const { searchParams } = new URL((await begin()).url);
    expect(searchParams.get('redirect_uri')).to.equal(callback);
    expect(searchParams.get('code_challenge_method')).to.equal('S256');
    for (const name of ['state', 'nonce', 'code_challenge'])
      expect(searchParams.get(name)).to.match(/^[\w-]{43}$/);
    expect(searchParams.get('scope')).to.equal('openid email profile');
  });

  it('makes a user of who is new, and finds him again by issuer and subject', async () => {
    const { user } = await enter('1');
    expect(user).to.include({
      username: `user${user.number}`,
      display_name: 'Ann Lee',
      email: 'ann@example.com',
      email_verified: true,
    });
    expect((await enter('1')).user.id).to.equal(user.id);
    const rows = await accounts.db.any(sql.unsafe`
      select provider, issuer, subject from identities where user_id = ${user.id} order by provider`);
    expect(rows).to.deep.equal([
      { provider: 'email', issuer: '', subject: 'ann@example.com' },
      { provider: 'google', issuer: oidc.issuer, subject: '1' },
    ]);
  });

  it('joins the account that has verified the same address, and keeps it when the address changes', async () => {
    const owner = await verifiedUser('verified@example.com');
    expect((await enter('2')).user.id).to.equal(owner.user.id);
    const [, member] = members as [Member, Member];
    member.email = 'elsewhere@example.com';
    expect((await enter('2')).user.id).to.equal(owner.user.id);
    expect(await actsOf(owner.user.id)).to.deep.equal(['register', 'identity_link', 'login', 'login']);
  });

  it('joins nobody who merely claims the address', async () => {
    const claimer = await accounts.register({ email: 'claimed@example.com' });
    const { user } = await enter('3');
    expect(user.id).to.not.equal(claimer.user.id);
    expect(user.email_verified).to.equal(true);
  });

  it('joins nobody by an address that Google has not verified', async () => {
    const owner = await verifiedUser('owner@example.com');
    const { user } = await enter('4');
    expect(user.id).to.not.equal(owner.user.id);
    expect(user).to.include({ email: null, email_verified: false });
  });

  it('lets nobody in who is banned', async () => {
    const { user } = await enter('5');
    await accounts.db.query(sql.unsafe`update users set banned_at = now() where id = ${user.id}`);
    const { url, cookie } = await begin();
    expect(await refusal(back(await oidc.signIn(url, '5'), cookie))).to.equal('banned');
  });

  it('makes one user of two who come at once', async () => {
    const [one, other] = await Promise.all([enter('6'), enter('6')]);
    expect(one.user.id).to.equal(other.user.id);
  });

  it('goes back to where it is allowed, with a code that works once and for 60 seconds', async () => {
    for (const bad of [
      `${returnTo}/`,
      `${returnTo}?x=1`,
      'https://app.example.evil.example/in',
      '//app.example/in',
    ])
      expect(
        await refusal(accounts.answerOf('GET /auth/google/login', { query: { return_to: bad } })),
      ).to.equal('return_to_unknown');
    const exchange = (code: string) => accounts.ask<Tokens>('POST /auth/google/exchange', { body: { code } });
    const codes: string[] = [];
    for (let n = 0; n < 3; n++) {
      const { url, cookie } = await begin({ return_to: returnTo });
      const { status, headers } = await back(await oidc.signIn(url, '7'), cookie);
      expect(status).to.equal(302);
      const location = headers?.Location ?? '';
      expect(location).to.match(/^https:\/\/app\.example\/in#code=[\w-]{43}$/);
      codes.push(location.split('#code=')[1] ?? '');
    }
    const [first = '', second = '', third = ''] = codes;
    const answers = await Promise.allSettled([1, 2].map(() => exchange(first)));
    const [tokens, ...more] = answers.flatMap((answer) =>
      answer.status === 'fulfilled' ? [answer.value] : [],
    );
    expect(more).to.deep.equal([]);
    expect(await refusal(exchange(first))).to.equal('google_code');
    await exchange(second);
    expect(await actsOf(tokens?.user.id ?? '')).to.deep.equal(['register', 'login']);
    accounts.clock.advance(60_000);
    expect(await refusal(exchange(third))).to.equal('google_code');
  });

  describe('under attack', () => {
    it('takes nothing back twice', async () => {
      const { url, cookie } = await begin();
      const there = await oidc.signIn(url, '1');
      expect(await refusal(back(there, cookie))).to.equal('accepted');
      expect(await refusal(back(there, cookie))).to.equal('google_state');
    });

    it('takes no code that another trip brought: PKCE and nonce are of its own', async () => {
      const [victim, attacker] = [await begin(), await begin()];
      const code = new URL(await oidc.signIn(victim.url, '1')).searchParams.get('code') ?? '';
      const swapped = new URL(await oidc.signIn(attacker.url, '2'));
      swapped.searchParams.set('code', code);
      expect(await refusal(back(swapped.href, attacker.cookie))).to.equal('google_refused');
    });

    it('takes nobody in whose browser did not begin: swapped state, no cookie, another cookie', async () => {
      const [victim, attacker] = [await begin(), await begin()];
      const there = await oidc.signIn(attacker.url, '1');
      expect(await refusal(back(there, victim.cookie))).to.equal('google_state');
      const again = await begin();
      expect(await refusal(back(await oidc.signIn(again.url, '1'), ''))).to.equal('google_state');
      const third = await begin();
      const made = new URL(await oidc.signIn(third.url, '1'));
      made.searchParams.set('state', 'A'.repeat(43));
      expect(await refusal(back(made.href, third.cookie))).to.equal('google_state');
    });

    it('takes no trip that took longer than 10 minutes', async () => {
      const { url, cookie } = await begin();
      const there = await oidc.signIn(url, '1');
      accounts.clock.advance(10 * 60_000);
      expect(await refusal(back(there, cookie))).to.equal('google_state');
    });

    it('takes no answer of another issuer (mix-up), and none that says no', async () => {
      const mixed = await begin();
      const there = new URL(await oidc.signIn(mixed.url, '1'));
      there.searchParams.set('iss', 'https://evil.example');
      expect(await refusal(back(there.href, mixed.cookie))).to.equal('google_refused');
      const denied = await begin();
      const state = new URL(denied.url).searchParams.get('state') ?? '';
      const no = `${callback}?${new URLSearchParams({ error: 'access_denied', state, iss: oidc.issuer })}`;
      expect(await refusal(back(no, denied.cookie))).to.equal('google_refused');
    });

    const decoded = (token: string) =>
      JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

    async function spoilt(spoil: (token: string) => string): Promise<unknown> {
      const { url, cookie } = await begin();
      const there = await oidc.signIn(url, '1');
      oidc.spoilTokens((body) => ({ ...body, id_token: spoil(body.id_token ?? '') }));
      try {
        return await refusal(back(there, cookie));
      } finally {
        oidc.spoilTokens(undefined);
      }
    }

    it('takes no token that is for somebody else, though the provider has signed it', async () => {
      const other = createGoogle({ clientId: otherClientId, clientSecret, issuer: oidc.issuer, publicUrl });
      const { url, trip } = await other.begin();
      let foreign = '';
      oidc.spoilTokens((body) => {
        foreign = body.id_token ?? '';
        return body;
      });
      await other.end(new URL(await oidc.signIn(url, '2')).searchParams.toString(), trip);
      expect(decoded(foreign)).to.include({ aud: otherClientId, sub: '2' });
      expect(await spoilt(() => foreign)).to.equal('google_refused');
    });

    it('takes no token whose claims were changed, or that nobody has signed', async () => {
      const changed = (token: string) => {
        const [head, , signature] = token.split('.');
        return [head, encoded({ ...decoded(token), sub: '2' }), signature].join('.');
      };
      const unsigned = (token: string) => `${encoded({ alg: 'none' })}.${token.split('.')[1]}.`;
      expect(await spoilt(changed)).to.equal('google_refused');
      expect(await spoilt(unsigned)).to.equal('google_refused');
      expect(await spoilt((token) => token)).to.equal('accepted');
    });
  });

  it('is not there where it is not set up', async () => {
    const without = await startAccounts();
    expect(await refusal(without.answerOf('GET /auth/google/login'))).to.equal('google_off');
    await without.stop();
  });
});
