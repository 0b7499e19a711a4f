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
