import { effect, signal } from '@preact/signals';
import { dropLogin, login } from './login.ts';
import { createSession, type Session } from './session.ts';

/** The session of who is logged in on this page; undefined while nobody is. */
export const session = signal<Session | undefined>(undefined);

/** Sessions follow the kept login: a log-in or log-out in another tab counts here, too. */
export function followLogin(): void {
  effect(() => {
    const kept = login.value;
    const current = session.peek();
    if (kept?.user.id === current?.userId) return;
    current?.close();
    session.value = kept && createSession(kept, { signedOut: dropLogin });
  });
}

export function logOut(): void {
  const { client } = session.value ?? {};
  // Out of reach of the server the login ends here, and there when its refresh token has run out.
  client?.logout().then(dropLogin, dropLogin);
}
