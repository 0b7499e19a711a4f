import { createHash, createPrivateKey, createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import jwt from 'jsonwebtoken';
import { fail } from '../../schemas/errors.ts';
import { isUuid } from '../../schemas/ids.ts';
import type { Clock } from '../process/clock.ts';

/** Who a valid access token speaks for. */
export interface Caller {
  user_id: string;
  login_id: string;
  /** Milliseconds since 1970. */
  expires_at: number;
}

/** Access tokens: ES256 JWTs that live 15 minutes. Verified without asking anybody. */
export interface AccessTokens {
  sign(userId: string, loginId: string): { token: string; expires_in: number };
  /** Throws `unauthenticated`: malformed, another algorithm, key, issuer or audience, expired, not yet valid. */
  verify(token: string): Caller;
  /** The public keys, as `/.well-known/jwks.json` serves them. */
  jwks(): { keys: object[] };
}

export interface AccessTokenOptions {
  /** The key that signs: EC on the curve P-256, PEM. */
  privateKeyPem: string;
  /** PEMs of public keys whose tokens are still good: what signed before the last rotation. */
  previousPublicKeys?: readonly string[];
  clock: Clock;
  /** Seconds that a token lives. Default 900. */
  lifetimeS?: number;
  /** Verified tokens remembered. Default 20,000, about 14 MB. */
  remembered?: number;
}

const issuer = 'suhbat';
const audience = 'suhbat';
const algorithm = 'ES256';
/** How long access tokens live, in milliseconds: what was revoked earlier has expired. */
export const tokenLifeMs = 15 * 60_000;
/** Seconds by which the clocks of two nodes may differ. */
const clockToleranceS = 5;
/** For so long may a token that was just signed be accepted, in milliseconds. */
export const tokenGoodMs = tokenLifeMs + clockToleranceS * 1000;
/** Characters. Ours have about 400. */
const longest = 2048;

/**
 * Tokens signed by one key and verified against several, found by `kid`. Verifying one costs about
 * 110 µs (an elliptic curve check), recalling one that was verified before 2 µs (measured on Node 22, one
 * core), so each is checked once and then remembered until it expires or newer ones push it out.
 * Revocation is not asked here: see RevokedLogins.
 */
export function createAccessTokens(options: AccessTokenOptions): AccessTokens {
  const { clock, lifetimeS = 900, remembered = 20_000 } = options;
  const privateKey = createPrivateKey(options.privateKeyPem);
  const own = describeKey(createPublicKey(privateKey));
  const keys = new Map(
    [own, ...(options.previousPublicKeys ?? []).map(readKey)].map((key) => [key.kid, key]),
  );
  /** By token; the order of use, oldest first. */
  const verified = new Map<string, Caller>();

  function check(token: string): Caller {
    if (token.length > longest) throw invalid();
    const kid = jwt.decode(token, { complete: true })?.header.kid;
    const key = kid === undefined ? undefined : keys.get(kid);
    if (key === undefined) throw invalid();
    const now = clock.now() / 1000;
    const claims = jwt.verify(token, key.key, {
      algorithms: [algorithm],
      issuer,
      audience,
      clockTimestamp: now,
      clockTolerance: clockToleranceS,
    });
    if (typeof claims === 'string') throw invalid();
    const { sub, sid, iat, exp } = claims;
    if (typeof sub !== 'string' || typeof sid !== 'string' || !isUuid(sub) || !isUuid(sid)) throw invalid();
    if (typeof iat !== 'number' || typeof exp !== 'number' || iat > now + clockToleranceS) throw invalid();
    return Object.freeze({ user_id: sub, login_id: sid, expires_at: exp * 1000 });
  }

  function remember(token: string, caller: Caller): void {
    verified.set(token, caller);
    if (verified.size <= remembered) return;
    const oldest = verified.keys().next().value;
    if (oldest !== undefined) verified.delete(oldest);
  }

  return {
    sign(userId, loginId) {
      const iat = Math.floor(clock.now() / 1000);
      const token = jwt.sign({ sid: loginId, iat, exp: iat + lifetimeS }, privateKey, {
        algorithm,
        keyid: own.kid,
        issuer,
        audience,
        subject: userId,
      });
      return { token, expires_in: lifetimeS };
    },

    verify(token) {
      const known = verified.get(token);
      if (known !== undefined) {
        verified.delete(token);
        if (known.expires_at + clockToleranceS * 1000 <= clock.now()) throw expired();
        verified.set(token, known);
        return known;
      }
      try {
        const caller = check(token);
        remember(token, caller);
        return caller;
      } catch (error) {
        throw error instanceof jwt.TokenExpiredError ? expired() : invalid();
      }
    },

    jwks: () => ({ keys: [...keys.values()].map((key) => key.jwk) }),
  };
}

function expired() {
  return fail('unauthenticated', { reason: 'token_expired', detail: 'The access token has expired' });
}

function invalid() {
  return fail('unauthenticated', { reason: 'token_invalid', detail: 'The access token is not valid' });
}

interface VerificationKey {
  kid: string;
  key: KeyObject;
  jwk: JsonWebKey;
}

function readKey(pem: string): VerificationKey {
  return describeKey(createPublicKey(pem));
}

/** Named by its RFC 7638 thumbprint, so that equal keys have equal names everywhere. */
function describeKey(key: KeyObject): VerificationKey {
  const { crv, kty, x, y } = key.export({ format: 'jwk' });
  if (kty !== 'EC' || crv !== 'P-256')
    throw new Error('A key for access tokens must be an EC key on the curve P-256');
  const kid = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
  return { kid, key, jwk: { kty, crv, x, y, kid, use: 'sig', alg: algorithm } as JsonWebKey };
}
