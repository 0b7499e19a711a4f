import { signal } from '@preact/signals';
import type { PendingRegistration } from '../../../client/index.ts';

/**
 * Where somebody stands who has no login yet. Kept for this tab while a code is under way: whoever goes to read the mail
 * may come back to a page that the browser had to load anew. A password is never kept.
 */
export type Entering =
  | { view: 'login'; note?: 'password set'; name?: string }
  | { view: 'register'; refused?: unknown }
  | { view: 'register code'; email: string }
  | { view: 'forgot' }
  | { view: 'reset code'; email: string };

const key = 'suhbat.entering';

export const entering = signal<Entering>(readEntering());

/** The registration that waits for its code; after a reload it is not known here any more. */
export const registration = signal<PendingRegistration | undefined>(undefined);

export function goTo(next: Entering): void {
  entering.value = next;
  if (next.view === 'login') registration.value = undefined;
  try {
    if (next.view.endsWith('code')) sessionStorage.setItem(key, JSON.stringify(next));
    else sessionStorage.removeItem(key);
  } catch {
    // A browser that keeps nothing: a reload begins anew, then.
  }
}

function readEntering(): Entering {
  try {
    const { view, email } = JSON.parse(sessionStorage.getItem(key) ?? '{}') as Record<string, unknown>;
    if ((view === 'register code' || view === 'reset code') && typeof email === 'string')
      return { view, email };
  } catch {
    // As if nothing had been kept.
  }
  return { view: 'login' };
}
