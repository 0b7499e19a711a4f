import { signal } from '@preact/signals';
import { ClientError, type Tokens, type TokensAnswer } from '../../../client/index.ts';
import { keep, readKept } from './kept.ts';

/**
 * The login that all tabs share. A refresh token works once, so tabs renew under one lock, and each looks
 * first whether another has done it already. Browsers may pass the lock on a moment before what was stored:
 * then the same refresh is repeated at once, and the server gives the same answer.
 */

const loginKey = 'suhbat.login';
const lockName = 'suhbat.refresh';
/** A tab that is frozen while it holds the lock must not hold up the others for good. */
const lockWaitMs = 15_000;

interface KeptLogin extends TokensAnswer {
  /** When the access token ends, by this machine's clock. */
  until: number;
}

/** Undefined: nobody is logged in. */
export const login = signal<KeptLogin | undefined>(readLogin());
/** The browser did not keep the login: it is in this tab alone. */
let isOnlyHere = false;

addEventListener('storage', ({ key }) => {
  if (key === loginKey || key === null) set(readLogin(), true);
});

function set(next: KeptLogin | undefined, isKept: boolean) {
  isOnlyHere = !isKept;
  login.value = next;
}

function keepAndSet(next: KeptLogin) {
  set(next, keep(loginKey, JSON.stringify(next)));
}

/** The newest login of all tabs. Where another has just logged out there is none, though this tab was not told yet. */
function newest(): KeptLogin | undefined {
  return isOnlyHere ? login.value : readLogin();
}

function readLogin(): KeptLogin | undefined {
  try {
    return (JSON.parse(readKept(loginKey) ?? 'null') as KeptLogin | null) ?? undefined;
  } catch {
    return undefined;
  }
}

export function keepLogin(tokens: TokensAnswer): void {
  keepAndSet({ ...tokens, until: Date.now() + tokens.expires_in * 1000 });
}

export function dropLogin(): void {
  set(undefined, keep(loginKey, null));
}

/** The login's user looks like this now. Under the lock: what another tab has renewed must not be undone. */
export function keepUser(user: TokensAnswer['user']): Promise<void> {
  return alone(async () => {
    const kept = newest();
    if (kept === undefined || kept.user.id !== user.id) return;
    keepAndSet({ ...kept, user });
  });
}

/** `ConnectOptions.renew` of the SDK, for one user's login. */
export function renewTogether(
  userId: string,
  spent: Tokens,
  refresh: (refreshToken: string) => Promise<TokensAnswer>,
): Promise<TokensAnswer> {
  return alone(async () => {
    const kept = newest();
    if (kept === undefined || kept.user.id !== userId)
      throw new ClientError({ code: 'unauthenticated', reason: 'logged_out' });
    if (kept.refresh_token !== spent.refresh_token)
      return { ...kept, expires_in: Math.max(0, (kept.until - Date.now()) / 1000) };
    const answer = await refresh(spent.refresh_token);
    keepLogin(answer);
    return answer;
  });
}

/** Plain HTTP to another machine has no locks; there the server's window of 10 s for repeats must do. */
function alone<T>(work: () => Promise<T>): Promise<T> {
  if (!('locks' in navigator)) return work();
  return navigator.locks.request(lockName, { signal: AbortSignal.timeout(lockWaitMs) }, work);
}
