import {
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  type Configuration,
  calculatePKCECodeChallenge,
  discovery,
  enableNonRepudiationChecks,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
} from 'openid-client';
import { fail } from '../../schemas/errors.ts';

export interface GoogleOptions {
  clientId: string;
  clientSecret: string;
  /** `https://accounts.google.com`, or a provider of a test on this machine. */
  issuer: string;
  /** Our own origin as browsers see it; the redirect is exactly its `/auth/google/callback`. */
  publicUrl: string;
}

/** What must come back unchanged, and what is kept for it meanwhile. */
export interface GoogleTrip {
  state: string;
  nonce: string;
  verifier: string;
}

/** Who somebody is there. */
export interface GooglePerson {
  issuer: string;
  subject: string;
  email: string | undefined;
  emailVerified: boolean;
  name: string | undefined;
}

export interface Google {
  /** Where the browser goes. Throws `unavailable` (`google_away`). */
  begin(): Promise<{ url: string; trip: GoogleTrip }>;
  /**
   * Who came back with this query. State, nonce, PKCE, issuer, audience and signature are checked. Throws
   * `unauthenticated` (`google_refused`), `unavailable` (`google_away`).
   */
  end(query: string, trip: GoogleTrip): Promise<GooglePerson>;
}

const timeoutS = 5;

export function createGoogle(options: GoogleOptions): Google {
  const issuer = new URL(options.issuer);
  const redirect = new URL('/auth/google/callback', options.publicUrl).href;
  let found: Promise<Configuration> | undefined;

  /** Asked once it is needed, and again where that failed. */
  function configuration(): Promise<Configuration> {
    found ??= discovery(issuer, options.clientId, options.clientSecret, undefined, {
      timeout: timeoutS,
      execute: [
        enableNonRepudiationChecks,
        // Only ever a provider on this machine: the setting takes no other.
        ...(issuer.protocol === 'http:' ? [allowInsecureRequests] : []),
      ],
    }).catch(() => {
      found = undefined;
      throw away();
    });
    return found;
  }

  return {
    async begin() {
      const config = await configuration();
      const trip = { state: randomState(), nonce: randomNonce(), verifier: randomPKCECodeVerifier() };
      const url = buildAuthorizationUrl(config, {
        redirect_uri: redirect,
        scope: 'openid email profile',
        state: trip.state,
        nonce: trip.nonce,
        code_challenge: await calculatePKCECodeChallenge(trip.verifier),
        code_challenge_method: 'S256',
      });
      return { url: url.href, trip };
    },

    async end(query, { state, nonce, verifier }) {
      const config = await configuration();
      const checks = {
        expectedState: state,
        expectedNonce: nonce,
        pkceCodeVerifier: verifier,
        idTokenExpected: true,
      };
      const tokens = await authorizationCodeGrant(config, new URL(`${redirect}?${query}`), checks).catch(
        (error: unknown) => {
          throw isAway(error) ? away() : refused();
        },
      );
      const claims = tokens.claims();
      if (claims === undefined) throw refused();
      const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
      return {
        issuer: claims.iss,
        subject: claims.sub,
        email: text(claims.email),
        emailVerified: claims.email_verified === true,
        name: text(claims.name),
      };
    },
  };
}

/** The network, not what was said over it. */
function isAway(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'OAUTH_TIMEOUT' || (error instanceof TypeError && /fetch failed/.test(error.message));
}

function away() {
  return fail('unavailable', { reason: 'google_away', detail: 'Google does not answer' });
}

export function refused() {
  return fail('unauthenticated', { reason: 'google_refused', detail: 'Google did not say who this is' });
}
