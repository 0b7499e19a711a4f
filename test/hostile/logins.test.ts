import { expect } from 'chai';
import { newId } from '../../schemas/ids.ts';
import { expectContract, type HttpClient, httpClient } from './support/http-client.ts';
import { openLine } from './support/line.ts';
import { newUser, type User } from './support/people.ts';
import { startTarget, type Target } from './support/target.ts';

describe('logins', function () {
  this.timeout(60_000);
  let target: Target;
  let client: HttpClient;
  let user: User;

  before(async () => {
    target = await startTarget();
    client = httpClient(target.port);
    user = await newUser(target);
  });
  after(async () => {
    client?.close();
    await target?.end();
  });
  afterEach('the program is well', () => target.expectWell());

  const refresh = (refresh_token: unknown) =>
    client.ask('POST', '/api/v1/auth/refresh', { body: JSON.stringify({ refresh_token }) });

  describe('refresh tokens', () => {
    it('give two at once the same new one, and only one', async () => {
      const { refresh_token, id } = await newUser(target);
      const answers = await Promise.all(Array.from({ length: 8 }, () => refresh(refresh_token)));
      expect(answers.map(({ status }) => status)).to.deep.equal(answers.map(() => 200));
      const fresh = new Set(answers.map(({ json }) => json.refresh_token));
      expect(fresh.size).to.equal(1);
      const [next] = fresh;
      expect(next).to.not.equal(refresh_token);
      const again = await refresh(next);
      expect({ status: again.status, user: (again.json.user as { id?: string }).id }).to.deep.equal({
        status: 200,
        user: id,
      });
    });

    it('revoke the whole login where an old one is replayed, and close its sockets', async () => {
      const victim = await newUser(target);
      const line = await openLine(target, { token: victim.token });
      const first = await refresh(victim.refresh_token);
      const second = await refresh(first.json.refresh_token);
      expect([first.status, second.status]).to.deep.equal([200, 200]);
      const replay = await refresh(victim.refresh_token);
      expect({ status: replay.status, reason: replay.json.reason }).to.deep.equal({
        status: 401,
        reason: 'refresh_reused',
      });
      expect(await line.ended()).to.include({ code: 4003 });
      for (const { json } of [first, second]) {
        expect((await refresh(json.refresh_token)).status).to.equal(401);
        expect((await client.ask('GET', '/me', { token: String(json.access_token) })).status).to.equal(401);
      }
    });

    it('leave nobody with a working login where an old one and the newest race', async () => {
      const victim = await newUser(target);
      const first = await refresh(victim.refresh_token);
      const newest = await refresh(first.json.refresh_token);
      const [stale, good] = await Promise.all([
        refresh(victim.refresh_token),
        refresh(newest.json.refresh_token),
      ]);
      expect(stale.status).to.equal(401);
      expect([200, 401]).to.include(good.status);
      const last = good.status === 200 ? good.json : newest.json;
      expect((await client.ask('GET', '/me', { token: String(last.access_token) })).status).to.equal(401);
      expect((await refresh(last.refresh_token)).status).to.equal(401);
    });

    it('are refused when made up, without harm to the login that they name', async () => {
      const { refresh_token, login_id, token } = await newUser(target);
      const [, , mac = ''] = refresh_token.split('.');
      const made = [
        `${login_id}.2.${mac}`,
        `${login_id}.0.${'A'.repeat(43)}`,
        `${newId()}.1.${mac}`,
        `${login_id}.01.${mac}`,
        `${login_id.toUpperCase()}.1.${mac}`,
        `${refresh_token}\n`,
        ` ${refresh_token}`,
        token,
        '..',
      ];
      for (const one of made) {
        const answer = await refresh(one);
        expectContract(answer);
        expect({ status: answer.status, reason: answer.json.reason }, one).to.deep.equal({
          status: 401,
          reason: 'refresh_invalid',
        });
      }
      expect((await refresh(refresh_token)).status).to.equal(200);
    });
  });

  describe('answers', () => {
    it('tell an unknown name from a wrong password in no way', async () => {
      const given = [
        { username: user.username },
        { login: user.username },
        { login: user.email },
        { email: user.email },
        { username: `${user.username}x` },
        { login: 'nobody_of_that_name' },
        { login: 'nobody@nowhere.example' },
        { email: 'nobody@nowhere.example' },
        { username: 'admin' },
        { username: "' or 1=1 --" },
        { username: 'x'.repeat(254) },
      ];
      const seen = new Set<string>();
      for (const name of given)
        for (const password of ['wrong password', 'x', 'x'.repeat(1024), 'ü'.repeat(60)]) {
          const body = JSON.stringify({ ...name, password });
          const { status, headers, json } = await client.ask('POST', '/api/v1/auth/login', { body });
          const { date: _, 'x-request-id': __, ...same } = headers;
          seen.add(
            JSON.stringify({
              status,
              headers: { ...same, 'content-length': 0 },
              json: { ...json, request_id: '' },
            }),
          );
          // Only the request id, a counter, may make the answers differ in length.
          expect(String(json.request_id)).to.equal(headers['x-request-id']);
        }
      expect([...seen]).to.have.length(1);
      expect([...seen][0]).to.include('bad_credentials');
    });

    it('compare a password whether there is such a user or not: the time tells nothing either', async () => {
      const compared = async () => {
        const { text } = await client.ask('GET', '/metrics');
        return Number(/^suhbat_bcrypt_seconds_count (\d+)/m.exec(text)?.[1]);
      };
      const names = [
        { username: user.username },
        { email: user.email },
        { username: 'nobody_of_that_name' },
        { email: 'nobody@nowhere.example' },
      ];
      for (const name of names) {
        const before = await compared();
        const body = JSON.stringify({ ...name, password: 'wrong password' });
        expect((await client.ask('POST', '/api/v1/auth/login', { body })).status).to.equal(401);
        expect((await compared()) - before, JSON.stringify(name)).to.equal(1);
      }
    });

    it('of a registration do not tell whether an address has an account', async () => {
      const register = (email: string) => {
        const body = JSON.stringify({ email, username: `v_${newId().slice(24)}`, password: 'correct horse' });
        return client.ask('POST', '/api/v1/auth/register', { body });
      };
      const [known, unknown] = [await register(user.email), await register('nobody@nowhere.example')];
      expect([known.status, unknown.status]).to.deep.equal([201, 201]);
      expect(Object.keys(known.json)).to.deep.equal(Object.keys(unknown.json));
    });
  });
});
