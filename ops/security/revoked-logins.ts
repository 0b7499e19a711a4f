import { newId } from '../../schemas/ids.ts';
import { type RevokedLogins as RevokedNote, type RevokedPage, subjects } from '../../schemas/subjects.ts';
import type { Call } from '../broker/call.ts';
import type { Bus } from '../bus/bus.ts';
import { type Clock, sleep, systemClock } from '../process/clock.ts';

/** The logins whose access tokens are dead although they have not expired. One per process. */
export interface RevokedLogins {
  has(loginId: string): boolean;
  /** What the bus could not tell: read from the database at start, and after a broken link. */
  learn(revoked: readonly RevokedNote[]): void;
  /** Told of each login once, when it becomes known here; the returned function ends that. */
  onRevoked(listener: (revoked: RevokedNote) => void): () => void;
  /** Logins held now. */
  size(): number;
  close(): void;
}

export interface RevokedLoginsOptions {
  bus: Bus;
  clock: Clock;
  /** Milliseconds that an access token can still be accepted: its life and the clock tolerance. */
  ttlMs: number;
}

/**
 * Kept current by the bus, from the moment it is made: make it first, then `learn` what the database
 * knows, so that nothing falls between. Bounded by time: a login is forgotten when its last access token
 * has expired by itself. None is dropped earlier, because that would bring its tokens back to life.
 */
export function createRevokedLogins({ bus, clock, ttlMs }: RevokedLoginsOptions): RevokedLogins {
  /** Login → when it may be forgotten. All live equally long, so the order of entry is that of expiry. */
  const revoked = new Map<string, number>();
  const listeners = new Set<(note: RevokedNote) => void>();

  function forgetExpired(now: number): void {
    for (const [loginId, until] of revoked) {
      if (until > now) return;
      revoked.delete(loginId);
    }
  }

  function learn(note: RevokedNote): void {
    const now = clock.monotonic();
    forgetExpired(now);
    const fresh = note.login_ids.filter((loginId) => !revoked.has(loginId));
    for (const loginId of fresh) revoked.set(loginId, now + ttlMs);
    if (fresh.length === 0) return;
    for (const listener of [...listeners]) listener({ user_id: note.user_id, login_ids: fresh });
  }

  const unsubscribe = bus.subscribe(subjects.revoked, ({ note }) => {
    if (isRevokedNote(note)) learn(note);
  });

  return {
    has(loginId) {
      const until = revoked.get(loginId);
      return until !== undefined && until > clock.monotonic();
    },
    learn(notes) {
      for (const note of notes) learn(note);
    },
    onRevoked(listener) {
      const own = (note: RevokedNote) => listener(note);
      listeners.add(own);
      return () => void listeners.delete(own);
    },
    size() {
      forgetExpired(clock.monotonic());
      return revoked.size;
    },
    close() {
      unsubscribe();
      listeners.clear();
    },
  };
}

/** Logins in one answer: half a mebibyte where each is of another user; NATS takes one. */
const pageLogins = 5000;

/**
 * Asks the services, page by page, which logins were revoked at or after `since` (milliseconds since 1970). What is
 * revoked meanwhile, the bus says. `budgetMs` is for each page. Throws what the call throws; what was learnt by then stays.
 */
export async function learnRevoked(
  revoked: Pick<RevokedLogins, 'learn'>,
  call: Call,
  since: number,
  budgetMs: number,
): Promise<void> {
  for (let after = ''; ; ) {
    const meta = { request_id: newId(), budget_ms: budgetMs };
    const page: RevokedPage = { limit: pageLogins, ...(after !== '' && { after }) };
    const notes = await call<RevokedNote[]>('users.revoked', { since, ...page }, meta);
    revoked.learn(notes);
    const ids = notes.flatMap(({ login_ids }) => login_ids);
    const last = ids.reduce((one, other) => (other > one ? other : one), after);
    // Services of older releases give all, whatever they are asked: nothing comes after that.
    if (ids.length < pageLogins || last === after) return;
    after = last;
  }
}

/** What a bus that hangs may take of a request, in milliseconds. */
const toldMs = 1000;

/**
 * Says on the bus that logins are dead. Call it when SQL has them revoked, and answer when it has resolved: the bus is
 * another connection than the one of answers, which would overtake it. Never rejects; where the bus is away, gateways
 * ask when it is back.
 */
export async function publishRevoked(bus: Bus, revoked: RevokedNote): Promise<void> {
  if (revoked.login_ids.length === 0) return;
  bus.publish(subjects.revoked, { frame: '', note: revoked });
  await Promise.race([bus.settled().catch(() => {}), sleep(systemClock, toldMs)]);
}

function isRevokedNote(note: unknown): note is RevokedNote {
  if (typeof note !== 'object' || note === null) return false;
  const { user_id, login_ids } = note as Partial<RevokedNote>;
  return (
    typeof user_id === 'string' && Array.isArray(login_ids) && login_ids.every((id) => typeof id === 'string')
  );
}
