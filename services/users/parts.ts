import type { CallMeta } from '../../ops/broker/call.ts';
import type { Bus } from '../../ops/bus/bus.ts';
import type { Database } from '../../ops/connections/postgres.ts';
import type { EphemeralStore } from '../../ops/ephemeral/store.ts';
import type { Clock } from '../../ops/process/clock.ts';
import type { AccessTokens } from '../../ops/security/access-tokens.ts';
import { fail } from '../../schemas/errors.ts';
import type { Codes } from './codes.ts';
import type { Google } from './google-client.ts';
import type { Passwords } from './passwords.ts';
import type { RefreshTokens } from './refresh-tokens.ts';

/** What the users service is made of. */
export interface UsersParts {
  db: Database;
  bus: Bus;
  ephemeral: EphemeralStore;
  /** Keeps profiles for a while, in this process alone; absent where other processes change them too. */
  profiles?: EphemeralStore;
  clock: Clock;
  tokens: AccessTokens;
  refreshTokens: RefreshTokens;
  passwords: Passwords;
  codes: Codes;
  /** Absent where it is not set up. `returnTo`: where browsers may be sent afterwards, to the letter. */
  google?: { client: Google; returnTo: readonly string[] } | undefined;
}

/** Who asks. The gateway has checked the access token; a call without one is refused. */
export function callerOf({ user_id, login_id }: CallMeta): { user_id: string; login_id: string } {
  if (user_id === undefined || login_id === undefined) throw fail('unauthenticated');
  return { user_id, login_id };
}
