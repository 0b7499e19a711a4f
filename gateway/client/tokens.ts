import { createBackoff } from './backoff.ts';
import { asClientError, ClientError, isFinal } from './client-error.ts';
import type { Platform } from './platform.ts';
import type { TokensAnswer } from './rest.ts';
import type { Settings } from './settings.ts';

/** A login's two tokens. One client uses a login: a refresh token that two clients use revokes the login. */
export interface Tokens {
  access_token: string;
  refresh_token: string;
}

export interface TokenKeeper {
  /**
   * A token to authenticate with, renewed first when it is known to be spent. Rejects with a ClientError
   * that is final when the login is over.
   */
  access(): Promise<string>;
  /** A fresh token. Only one refresh is ever under way; everybody who asks meanwhile gets its outcome. */
  renew(): Promise<string>;
  /** The server takes this token for so long from now. */
  goodFor(token: string, ms: number): void;
  /** The server does not take this token any more. */
  spent(token: string): void;
  close(): void;
}

export interface TokenParts {
  platform: Platform;
  settings: Settings;
  /** Tokens, or a function that logs in; it is called once, and again only after a failure that may pass. */
  given: Tokens | (() => Promise<Tokens>);
  refresh(spent: Tokens): Promise<TokensAnswer>;
  /** Keeps new tokens. They are used after it has finished. */
  onTokens: (tokens: TokensAnswer) => unknown;
  problem(error: ClientError): void;
}

/** A token this close to its end is renewed before it is used. */
const marginMs = 10_000;
/** Repeating a refresh within 10 s gets the same answer: so a lost answer is asked for again soon. */
const triesInARow = 3;

export function createTokens(parts: TokenParts): TokenKeeper {
  const { platform, settings, given } = parts;
  let current = typeof given === 'function' ? undefined : given;
  let goodUntil = Number.POSITIVE_INFINITY;
  let renewing: Promise<string> | undefined;
  let cancelWait = () => {};
  let closed = false;

  async function renew(): Promise<string> {
    if (current === undefined) return begin();
    const spent = current;
    const backoff = createBackoff(platform, settings);
    for (let tries = 1; ; tries++) {
      const asked = platform.monotonic();
      try {
        const answer = await parts.refresh(spent);
        current = answer;
        goodUntil = asked + answer.expires_in * 1000;
        await kept(answer);
        return answer.access_token;
      } catch (thrown) {
        const error = asClientError(thrown);
        if (closed || isFinal(error) || tries === triesInARow) throw error;
        await pause(Math.min(Math.max(backoff.next(), error.retry_after_ms ?? 0), settings.backoffMaxMs));
      }
    }
  }

  async function kept(answer: TokensAnswer): Promise<void> {
    try {
      await parts.onTokens(answer);
    } catch (cause) {
      const detail = 'onTokens failed: the new tokens are not kept';
      parts.problem(new ClientError({ code: 'internal', reason: 'on_tokens', detail, cause }));
    }
  }

  async function begin(): Promise<string> {
    current = typeof given === 'function' ? await given() : given;
    return current.access_token;
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      cancelWait = platform.after(ms, resolve);
    });
  }

  const once = (task: () => Promise<string>): Promise<string> => {
    renewing ??= task().finally(() => {
      renewing = undefined;
    });
    return renewing;
  };

  return {
    access() {
      if (renewing !== undefined) return renewing;
      if (current === undefined) return once(begin);
      if (platform.monotonic() > goodUntil - marginMs) return once(renew);
      return Promise.resolve(current.access_token);
    },
    renew: () => once(renew),
    goodFor(token, ms) {
      if (token === current?.access_token) goodUntil = platform.monotonic() + ms;
    },
    spent(token) {
      if (token === current?.access_token) goodUntil = Number.NEGATIVE_INFINITY;
    },
    close() {
      closed = true;
      cancelWait();
    },
  };
}
