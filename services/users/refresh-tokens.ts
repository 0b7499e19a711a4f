import { createHmac, timingSafeEqual } from 'node:crypto';
import { fail } from '../../schemas/errors.ts';

/** Refresh tokens: `<login_id>.<generation>.<HMAC-SHA256 of the two>`. Nothing of them is stored. */
export interface RefreshTokens {
  /** The one token of this login and generation: made again it is the same. */
  make(loginId: string, generation: number): string;
  /** Throws `unauthenticated` for whatever `make` did not give. Says nothing about use or expiry. */
  read(token: string): { login_id: string; generation: number };
}

const shape = /^([0-9a-f-]{36})\.([1-9]\d{0,8}|0)\.[A-Za-z0-9_-]{43}$/;

/** Bytes. As long as the hash: more adds nothing, less could be guessed. */
const shortestSecret = 32;

export function createRefreshTokens(secret: string): RefreshTokens {
  if (Buffer.byteLength(secret) < shortestSecret)
    throw new Error(`The secret of refresh tokens must have at least ${shortestSecret} bytes`);

  function make(loginId: string, generation: number): string {
    const mac = createHmac('sha256', secret).update(`suhbat refresh ${loginId} ${generation}`);
    return `${loginId}.${generation}.${mac.digest('base64url')}`;
  }

  return {
    make,
    read(token) {
      const [, loginId, digits] = shape.exec(token) ?? [];
      if (loginId === undefined || digits === undefined) throw invalid();
      const generation = Number(digits);
      if (!timingSafeEqual(Buffer.from(make(loginId, generation)), Buffer.from(token))) throw invalid();
      return { login_id: loginId, generation };
    },
  };
}

function invalid() {
  return fail('unauthenticated', { reason: 'refresh_invalid', detail: 'The refresh token is not valid' });
}
