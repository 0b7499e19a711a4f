import { createHmac, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import jwt from 'jsonwebtoken';
import { createAccessTokens } from '../../../ops/security/access-tokens.ts';
import { newId } from '../../../schemas/ids.ts';
import { manualClock, reasonOf } from './support.ts';

function keyPair() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  };
}

describe('access tokens', () => {
  const { privatePem, publicPem } = keyPair();
  const clock = manualClock();
  const tokens = createAccessTokens({ privateKeyPem: privatePem, clock });
  const userId = newId();
  const loginId = newId();
  const kid = (tokens.jwks().keys[0] as { kid: string }).kid;
  const seconds = () => Math.floor(clock.now() / 1000);

  /** A token as ours, but for what the test changes. */
  function forged(claims: object = {}, options: jwt.SignOptions = {}, key: jwt.Secret = privatePem): string {
    const payload = { sid: loginId, iat: seconds(), exp: seconds() + 900, ...claims };
    return jwt.sign(payload, key, {
      algorithm: 'ES256',
      keyid: kid,
      issuer: 'suhbat',
      audience: 'suhbat',
      subject: userId,
      ...options,
    });
  }

  const refused = (token: string) => reasonOf(async () => tokens.verify(token));

  it('say for whom they were signed, and until when', () => {
    const { token, expires_in } = tokens.sign(userId, loginId);
    expect(expires_in).to.equal(900);
    const caller = { user_id: userId, login_id: loginId, expires_at: (seconds() + 900) * 1000 };
    expect(tokens.verify(token)).to.deep.equal(caller);
    expect(tokens.verify(token), 'remembered').to.deep.equal(caller);
    expect(tokens.verify(forged()), 'what forged() makes is good as it is').to.deep.equal(caller);
  });

  it('are refused without a signature, and signed by another algorithm', async () => {
    const none = jwt.sign({ sid: loginId, exp: seconds() + 900 }, null, {
      algorithm: 'none',
      keyid: kid,
      issuer: 'suhbat',
      audience: 'suhbat',
      subject: userId,
    });
    expect(await refused(none)).to.equal('unauthenticated token_invalid');
    // The classic: the public key, which everybody has, taken for a shared secret.
    const [head, claims] = forged()
      .split('.')
      .map((part) => Buffer.from(part, 'base64url').toString());
    const signed = [JSON.stringify({ ...JSON.parse(head ?? ''), alg: 'HS256' }), claims ?? '']
      .map((part) => Buffer.from(part).toString('base64url'))
      .join('.');
    const mac = createHmac('sha256', publicPem).update(signed).digest('base64url');
    expect(await refused(`${signed}.${mac}`)).to.equal('unauthenticated token_invalid');
  });

  it('are refused from another key, also under our kid', async () => {
    const other = keyPair().privatePem;
    expect(await refused(forged({}, {}, other))).to.equal('unauthenticated token_invalid');
    expect(await refused(forged({}, { keyid: 'another' }))).to.equal('unauthenticated token_invalid');
  });

  it('are refused for another audience or issuer, and without user, login or expiry', async () => {
    expect(await refused(forged({}, { audience: 'elsewhere' }))).to.equal('unauthenticated token_invalid');
    expect(await refused(forged({}, { issuer: 'elsewhere' }))).to.equal('unauthenticated token_invalid');
    expect(await refused(forged({ sid: undefined }))).to.equal('unauthenticated token_invalid');
    expect(await refused(forged({ sid: 'admin' }))).to.equal('unauthenticated token_invalid');
    expect(await refused(forged({}, { subject: 'admin' }))).to.equal('unauthenticated token_invalid');
    const endless = jwt.sign({ sid: loginId }, privatePem, {
      algorithm: 'ES256',
      keyid: kid,
      issuer: 'suhbat',
      audience: 'suhbat',
      subject: userId,
    });
    expect(await refused(endless)).to.equal('unauthenticated token_invalid');
  });

  it('are refused when changed by one character, cut, empty or overlong', async () => {
    const { token } = tokens.sign(userId, loginId);
    const at = token.indexOf('.') + 5;
    const changed = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
    for (const bad of [changed, token.slice(0, -10), '', 'a.b.c', `${token}${'A'.repeat(3000)}`])
      expect(await refused(bad)).to.equal('unauthenticated token_invalid');
  });

  it('are refused before their time, but for the tolerance between clocks', async () => {
    expect(await refused(forged({ iat: seconds() + 60, exp: seconds() + 900 }))).to.equal(
      'unauthenticated token_invalid',
    );
    expect(await refused(forged({ nbf: seconds() + 60 }))).to.equal('unauthenticated token_invalid');
    expect(tokens.verify(forged({ iat: seconds() + 3 })).user_id).to.equal(userId);
  });

  it('expire, also when they were remembered', async () => {
    const { token } = tokens.sign(userId, loginId);
    const unseen = forged();
    tokens.verify(token);
    clock.advance(906_000);
    expect(await refused(token)).to.equal('unauthenticated token_expired');
    expect(await refused(unseen)).to.equal('unauthenticated token_expired');
    expect(await refused(token), 'and stay so').to.equal('unauthenticated token_expired');
  });

  it('of the previous key stay good after a rotation, and both keys are published', () => {
    const rotated = createAccessTokens({
      privateKeyPem: keyPair().privatePem,
      previousPublicKeys: [publicPem],
      clock,
    });
    expect(rotated.verify(tokens.sign(userId, loginId).token).login_id).to.equal(loginId);
    const { token } = rotated.sign(userId, loginId);
    const { keys } = rotated.jwks() as { keys: { kid: string }[] };
    expect(keys.map((key) => key.kid)).to.deep.equal([
      jwt.decode(token, { complete: true })?.header.kid,
      kid,
    ]);
  });

  it('publish public keys only, named by their thumbprints, that verify what was signed', () => {
    const { keys } = tokens.jwks();
    const key = keys[0] as Record<string, string>;
    expect(Object.keys(key).sort()).to.deep.equal(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
    const published = createPublicKey({ key, format: 'jwk' });
    expect(jwt.verify(forged(), published, { algorithms: ['ES256'], clockTimestamp: seconds() })).to.be.an(
      'object',
    );
  });

  it('remember no more than they were told to', () => {
    const small = createAccessTokens({ privateKeyPem: privatePem, clock, remembered: 2 });
    const made = [1, 2, 3, 4].map(() => small.sign(userId, newId()).token);
    for (const token of [...made, ...made]) expect(small.verify(token).user_id).to.equal(userId);
  });

  it('take no key of another curve', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    const privateKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    expect(() => createAccessTokens({ privateKeyPem, clock })).to.throw('P-256');
  });
});
