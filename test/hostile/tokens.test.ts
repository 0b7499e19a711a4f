import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSign,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { expect } from 'chai';
import { expectContract, type HttpClient, httpClient } from './support/http-client.ts';
import { openLine } from './support/line.ts';
import { claimsOf, newUser, type User } from './support/people.ts';
import { startTarget, type Target } from './support/target.ts';

type Claims = Record<string, unknown>;

const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');

/** A token made by hand: whatever the head says, signed by whatever `sign` does. */
function forge(header: object, claims: object, sign: (input: string) => string): string {
  const input = `${encode(header)}.${encode(claims)}`;
  return `${input}.${sign(input)}`;
}

const es256 = (key: KeyObject) => (input: string) =>
  createSign('sha256').update(input).sign({ key, dsaEncoding: 'ieee-p1363' }).toString('base64url');

describe('forged and stolen tokens', function () {
  this.timeout(60_000);
  let target: Target;
  let client: HttpClient;
  let user: User;
  let other: User;
  let ownKey: KeyObject;
  let header: Record<string, unknown>;
  let claims: Claims;

  before(async () => {
    target = await startTarget({ SUHBAT_ALLOWED_ORIGINS: 'https://good.example' });
    client = httpClient(target.port);
    user = await newUser(target);
    other = await newUser(target);
    ownKey = createPrivateKey(target.tokenKey);
    header = JSON.parse(Buffer.from(user.token.split('.')[0] ?? '', 'base64url').toString());
    claims = claimsOf(user.token);
  });
  after(async () => {
    client?.close();
    await target?.end();
  });
  afterEach('the program is well', () => target.expectWell());

  async function expectRefused(what: string, token: string, reason: string): Promise<void> {
    const answer = await client.ask('GET', '/me', { token });
    expectContract(answer);
    expect({ status: answer.status, reason: answer.json.reason }, what).to.deep.equal({
      status: 401,
      reason,
    });
    expect(answer.headers['www-authenticate'], what).to.equal('Bearer');
    const upgrade = await client.ask('GET', '/ws', {
      token,
      headers: {
        upgrade: 'websocket',
        connection: 'Upgrade',
        'sec-websocket-key': 'x3JJHMbDL1EzLkh9GBhXDw==',
        'sec-websocket-version': '13',
      },
    });
    expect({ status: upgrade.status, reason: upgrade.json.reason }, `${what}, upgrade`).to.deep.equal({
      status: 401,
      reason,
    });
    const line = await openLine(target);
    expect(await line.ask('auth', { token }), `${what}, frame`).to.include({
      type: 'error',
      code: 'unauthenticated',
      reason,
    });
    expect(await line.ended(), what).to.include({ code: 4001 });
    expect(line.frames.filter(({ type }) => type === 'ready')).to.deep.equal([]);
  }

  it('made by hand are taken when they are right: so what follows is refused for what is wrong with it', async () => {
    const { status } = await client.ask('GET', '/me', { token: forge(header, claims, es256(ownKey)) });
    expect(status).to.equal(200);
  });

  it('are refused without a signature, whatever they call that', async () => {
    for (const alg of ['none', 'None', 'NONE', 'nOnE', '', null, 0, 'ES256'])
      await expectRefused(
        `alg ${alg}`,
        forge({ ...header, alg }, claims, () => ''),
        'token_invalid',
      );
    await expectRefused(
      'no alg',
      forge({ typ: 'JWT', kid: header.kid }, claims, () => ''),
      'token_invalid',
    );
    await expectRefused('two parts', `${encode(header)}.${encode(claims)}`, 'token_invalid');
  });

  it('are refused where the public key was used as a secret', async () => {
    const answer = await client.ask('GET', '/.well-known/jwks.json');
    const jwk = (answer.json.keys as Record<string, unknown>[])[0] ?? {};
    const publicKey = createPublicKey(ownKey);
    const secrets = {
      'PEM, SPKI': publicKey.export({ type: 'spki', format: 'pem' }),
      'DER, SPKI': publicKey.export({ type: 'spki', format: 'der' }),
      'the JWK': JSON.stringify(jwk),
      'the set': answer.text,
      x: Buffer.from(String(jwk.x), 'base64url'),
      'nothing at all': '',
    };
    for (const [what, secret] of Object.entries(secrets))
      for (const [alg, hash] of [
        ['HS256', 'sha256'],
        ['HS384', 'sha384'],
        ['HS512', 'sha512'],
      ] as const) {
        const sign = (input: string) => createHmac(hash, secret).update(input).digest('base64url');
        await expectRefused(`${alg} with ${what}`, forge({ ...header, alg }, claims, sign), 'token_invalid');
      }
  });

  it('are refused of another key, also one that they bring along', async () => {
    const { privateKey: foreign, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwk = publicKey.export({ format: 'jwk' });
    const heads = {
      'under our kid': header,
      'under an unknown kid': { ...header, kid: 'nobody' },
      'without a kid': { ...header, kid: undefined },
      'under a kid that is a path': { ...header, kid: '../../../../dev/null' },
      'under a kid that is SQL': { ...header, kid: "' union select 'x" },
      'under a kid of another kind': { ...header, kid: ['x'] },
      'under an inherited kid': { ...header, kid: '__proto__' },
      'with a jwk': { ...header, jwk },
      'with a jwk and no kid': { ...header, kid: undefined, jwk },
      'with a jku': { ...header, jku: 'https://evil.example/jwks.json', x5u: 'https://evil.example/x5u' },
    };
    for (const [what, head] of Object.entries(heads))
      await expectRefused(what, forge(head, claims, es256(foreign)), 'token_invalid');
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const rs256 = (input: string) => createSign('sha256').update(input).sign(rsa).toString('base64url');
    await expectRefused('RS256', forge({ ...header, alg: 'RS256' }, claims, rs256), 'token_invalid');
  });

  it('of our own key are refused for another purpose, or out of their time', async () => {
    const now = Math.floor(Date.now() / 1000);
    const wrong: Record<string, [Claims, string]> = {
      'another audience': [{ ...claims, aud: 'other' }, 'token_invalid'],
      'no audience': [{ ...claims, aud: undefined }, 'token_invalid'],
      'another issuer': [{ ...claims, iss: 'evil' }, 'token_invalid'],
      'no issuer': [{ ...claims, iss: undefined }, 'token_invalid'],
      expired: [{ ...claims, iat: now - 2000, exp: now - 1000 }, 'token_expired'],
      'of the future': [{ ...claims, iat: now + 1000, exp: now + 2000 }, 'token_invalid'],
      'not before the future': [{ ...claims, nbf: now + 1000 }, 'token_invalid'],
      'without an end': [{ ...claims, exp: undefined }, 'token_invalid'],
      'with an end that is text': [{ ...claims, exp: 'never' }, 'token_invalid'],
      'without a beginning': [{ ...claims, iat: undefined }, 'token_invalid'],
      'of nobody': [{ ...claims, sub: undefined }, 'token_invalid'],
      'of no user id': [{ ...claims, sub: "' or 1=1 --" }, 'token_invalid'],
      'of no login': [{ ...claims, sid: undefined }, 'token_invalid'],
    };
    for (const [what, [made, reason]] of Object.entries(wrong))
      await expectRefused(what, forge(header, made, es256(ownKey)), reason);
  });

  it('of our own key gain nothing by a role that they claim', async () => {
    for (const more of [
      { role: 'admin' },
      { roles: ['admin'] },
      { scope: 'admin' },
      { user: { role: 'admin' } },
    ]) {
      const token = forge(header, { ...claims, ...more }, es256(ownKey));
      const path = `/admin/users/${other.id}/role`;
      const asked = [
        await client.ask('GET', '/admin/audit', { token }),
        await client.ask('POST', `/admin/users/${other.id}/ban`, { token }),
        await client.ask('PUT', path, { token, body: JSON.stringify({ role: 'admin' }) }),
      ];
      expect(asked.map(({ status, json }) => [status, json.reason])).to.deep.equal(
        asked.map(() => [403, 'not_permitted']),
      );
    }
  });

  it('are refused when their content or their signature was changed', async () => {
    const [head = '', body = '', signature = ''] = user.token.split('.');
    const changed = {
      'another user': `${head}.${encode({ ...claims, sub: other.id })}.${signature}`,
      'a longer life': `${head}.${encode({ ...claims, exp: 9_999_999_999 })}.${signature}`,
      'a signature of zeros': `${head}.${body}.${Buffer.alloc(64).toString('base64url')}`,
      'half a signature': `${head}.${body}.${signature.slice(0, 43)}`,
      'a signature of somebody else': `${head}.${body}.${other.token.split('.')[2]}`,
      'a part too many': `${user.token}.x`,
      'a very long one': `${head}.${body}.${'x'.repeat(2500)}`,
      'no JSON': 'e30.e30.e30',
      dots: '..',
    };
    for (const [what, token] of Object.entries(changed)) await expectRefused(what, token, 'token_invalid');
    const { status } = await client.ask('GET', '/me', { token: user.token });
    expect(status).to.equal(200);
  });

  it('are never taken from a URL or a cookie', async () => {
    for (const name of ['token', 'access_token', 'authorization', 'bearer']) {
      const answer = await client.ask('GET', `/me?${name}=${user.token}`, {
        headers: { cookie: `${name}=${user.token}` },
      });
      expect(answer.status, name).to.equal(401);
    }
    const line = await openLine(target, { path: `/ws?ticket=${user.token}` });
    expect(await line.ended()).to.include({ code: 4001 });
  });

  it('die with their login, everywhere at once', async () => {
    const victim = await newUser(target);
    const line = await openLine(target, { token: victim.token });
    expect((await client.ask('POST', '/api/v1/auth/logout', { token: victim.token })).status).to.equal(204);
    expect(await line.ended()).to.include({ code: 4003 });
    await expectRefused('after logging out', victim.token, 'login_revoked');
    expect((await refresh(victim.refresh_token)).json.reason).to.equal('refresh_invalid');
  });

  const refresh = (refresh_token: unknown) =>
    client.ask('POST', '/api/v1/auth/refresh', { body: JSON.stringify({ refresh_token }) });
});
