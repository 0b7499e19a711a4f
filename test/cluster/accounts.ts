import { setTimeout as pause } from 'node:timers/promises';
import { ClientError, login, register, type TokensAnswer } from 'suhbat/client';

/** Accounts in a cluster that has just started, or is being hurt. */

const password = 'a long enough password';
const atOnce = 8;
const insistMs = 20_000;
const againMs = 200;

/** A cluster that has just started, on a machine that does much else, may say for a moment that nothing was done. */
export async function insisting<T>(create: (tries: number) => Promise<T>): Promise<T> {
  const until = performance.now() + insistMs;
  for (let tries = 0; ; tries++) {
    try {
      return await create(tries);
    } catch (error) {
      const again =
        error instanceof ClientError && ['unavailable', 'timeout', 'rate_limited'].includes(error.code);
      if (!again || performance.now() > until) throw error;
      await pause(againMs);
    }
  }
}

/** Another one for each try: of those before nobody knows whether they were made. */
function account(name: string, tries: number) {
  const username = tries === 0 ? name : `${name}_${tries}`;
  return { email: `${username}@town.example`, username, password };
}

/** Its username has a number at its end where the first try has no answer. */
export function registerOne(url: string, name: string): Promise<TokensAnswer> {
  return insisting((tries) => register(url, account(name, tries)));
}

/** `citizen0`, `citizen1` … */
export async function registerMany(url: string, people: number): Promise<TokensAnswer[]> {
  const tokens: TokensAnswer[] = [];
  for (let first = 0; first < people; first += atOnce) {
    const some = Array.from({ length: Math.min(atOnce, people - first) }, (_, index) => first + index);
    tokens.push(...(await Promise.all(some.map((n) => registerOne(url, `citizen${n}`)))));
  }
  return tokens;
}

export function logIn(url: string, username: string): Promise<TokensAnswer> {
  return insisting(() => login(url, { login: username, password }));
}
