import type { Actors } from '../../actors/client/ask.ts';
import type { Call, CallMeta } from '../../ops/broker/call.ts';
import type { Bus } from '../../ops/bus/bus.ts';
import type { Database, Transaction } from '../../ops/connections/postgres.ts';
import type { EphemeralStore } from '../../ops/ephemeral/store.ts';
import type { Clock } from '../../ops/process/clock.ts';
import type { AccessTokens } from '../../ops/security/access-tokens.ts';
import { fail } from '../../schemas/errors.ts';
import type { Codes } from './codes.ts';
import type { Google } from './google-client.ts';
import type { Passwords } from './passwords.ts';
import type { RefreshTokens } from './refresh-tokens.ts';
import type { Views } from './views.ts';

/**
 * Erases what another service keeps of a user whose account ends, in the transaction of that end. What lies outside of
 * the database is removed by a job that it enqueues there.
 */
export type Eraser = (tx: Transaction, userId: string) => Promise<void>;

/** What the users service is made of. */
export interface UsersParts {
  db: Database;
  call: Call;
  views: Views;
  bus: Bus;
  /** For private chats, whose messages a block stops. */
  actors: Pick<Actors, 'peek'>;
  ephemeral: EphemeralStore;
  /** Keeps profiles for a while, in this process alone; absent where other processes change them too. */
  profiles?: EphemeralStore;
  clock: Clock;
  tokens: AccessTokens;
  refreshTokens: RefreshTokens;
  passwords: Passwords;
  /** Milliseconds after which a login ends however often it was refreshed. Default 90 days. */
  loginLifeMs?: number;
  /** One for each other service that keeps something of users. */
  erasers?: readonly Eraser[];
  codes: Codes;
  /** Whose verified address this is becomes the first admin. */
  adminEmail?: string;
  /** Absent where it is not set up. `returnTo`: where browsers may be sent afterwards, to the letter. */
  google?: { client: Google; returnTo: readonly string[] } | undefined;
}

/** Who asks. The gateway has checked the access token; a call without one is refused. */
export function callerOf({ user_id, login_id }: CallMeta): { user_id: string; login_id: string } {
  if (user_id === undefined || login_id === undefined) throw fail('unauthenticated');
  return { user_id, login_id };
}
