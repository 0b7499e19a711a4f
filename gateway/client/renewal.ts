import type { EventFields } from '../../schemas/frames/server.ts';
import { createBackoff } from './backoff.ts';
import { asClientError, type ClientError, isFinal } from './client-error.ts';
import type { Platform } from './platform.ts';
import type { Requests } from './requests.ts';
import type { Settings } from './settings.ts';
import type { TokenKeeper } from './tokens.ts';

/** Keeps an open connection authenticated: a fresh token before the old one ends. */
export interface Renewal {
  start(ready: EventFields<'ready'>, token: string): void;
  stop(): void;
}

export interface RenewalParts {
  platform: Platform;
  settings: Settings;
  tokens: TokenKeeper;
  requests: Requests;
  /** The refresh itself failed for a reason that may pass; it is tried again. */
  problem(error: ClientError): void;
  /** The refresh was refused for good: the login is over. */
  signedOut(error: ClientError): void;
  /** The server does not take the fresh token on this connection. */
  refused(error: ClientError): void;
}

/** At most this long before its end a token is renewed; up to twice this, spread at random. */
const marginMs = 60_000;
const shortestMs = 1_000;

export function createRenewal(parts: RenewalParts): Renewal {
  const { platform, settings, tokens, requests } = parts;
  const backoff = createBackoff(platform, settings);
  let run = 0;
  let cancel = () => {};
  /** The server's clock when ours said `at`: no date of the server is ever compared with ours. */
  let server = { time: 0, at: 0 };

  function schedule(token: string, expiresAt: string) {
    const left = Date.parse(expiresAt) - (server.time + platform.monotonic() - server.at);
    tokens.goodFor(token, left);
    const margin = Math.min(marginMs, left / 8) * (1 + platform.random());
    wait(Math.max(left - margin, shortestMs));
  }

  function wait(ms: number) {
    const mine = run;
    cancel = platform.after(ms, () => void renew(mine));
  }

  async function renew(mine: number) {
    let token: string | undefined;
    try {
      token = await tokens.renew();
      if (mine !== run) return;
      const reply = await requests.now('auth', { token });
      if (mine !== run) return;
      backoff.reset();
      schedule(token, reply.token_expires_at);
    } catch (thrown) {
      if (mine === run) failed(asClientError(thrown), token);
    }
  }

  function failed(error: ClientError, token: string | undefined) {
    if (isFinal(error)) return token === undefined ? parts.signedOut(error) : parts.refused(error);
    parts.problem(error);
    wait(Math.max(backoff.next(), error.retry_after_ms ?? 0, shortestMs));
  }

  return {
    start(ready, token) {
      run++;
      server = { time: Date.parse(ready.server_time), at: platform.monotonic() };
      schedule(token, ready.token_expires_at);
    },
    stop() {
      run++;
      cancel();
    },
  };
}
