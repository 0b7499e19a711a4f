import { closeCodes } from '../../schemas/errors.ts';
import type { ErrorFrame, EventFields } from '../../schemas/frames/server.ts';
import { createBackoff } from './backoff.ts';
import { asClientError, ClientError, isFinal } from './client-error.ts';
import { afterClose } from './closing.ts';
import { type Connection, openConnection, type ServerFrame } from './connection.ts';
import type { Platform } from './platform.ts';
import { createRenewal } from './renewal.ts';
import type { ReplyFrame, Requests } from './requests.ts';
import type { Settings } from './settings.ts';
import type { TokenKeeper } from './tokens.ts';

export type Status = 'connecting' | 'ready' | 'waiting' | 'ended';
export type Ready = EventFields<'ready'>;

/** Keeps a connection: token → socket → `auth` → `ready` → … → closed → wait → again. */
export interface Reconnect {
  readonly status: Status;
  start(): void;
  /** The network changed: ends a wait, or the one after a try that fails, or checks the connection that is there. */
  nudge(): void;
  close(): void;
}

export interface ReconnectParts {
  platform: Platform;
  settings: Settings;
  /** `wss://…/ws` */
  url: string;
  tokens: TokenKeeper;
  requests: Requests;
  on: {
    ready(ready: Ready): void;
    event(frame: ServerFrame): void;
    /** `reconnect_in_ms` is absent when this was the last connection; `ended` follows. */
    down(down: { code: number; reason: string; reconnect_in_ms?: number }): void;
    signedOut(error: ClientError): void;
    stopped(code: number, reason: string): void;
    problem(error: ClientError): void;
  };
}

export function createReconnect(parts: ReconnectParts): Reconnect {
  const { platform, settings, tokens, requests, on } = parts;
  const backoff = createBackoff(platform, settings);
  let status: Status = 'connecting';
  let connection: Connection | undefined;
  let cancelWait = () => {};
  /** Grows with each try, so that what was begun for an older one stops. */
  let run = 0;
  /** The network changed during this try, which may have been lost to what it was before. */
  let nudged = false;
  /** Tokens refused in a row; the second one is no longer answered at once. */
  let refusals = 0;
  let token = '';
  let readyAt: number | undefined;
  let byeMs: number | undefined;

  const renewal = createRenewal({
    platform,
    settings,
    tokens,
    requests,
    problem: on.problem,
    signedOut: (error) => {
      on.down({ code: closeCodes.unauthenticated.code, reason: error.reason ?? error.code });
      end(() => on.signedOut(error));
    },
    refused: (error) => giveUp(closeCodes.unauthenticated.code, error.code),
  });

  async function begin() {
    const mine = ++run;
    status = 'connecting';
    nudged = false;
    try {
      token = await tokens.access();
    } catch (thrown) {
      const error = asClientError(thrown);
      if (mine !== run) return;
      if (isFinal(error)) return end(() => on.signedOut(error));
      on.problem(error);
      return again(nudged ? 0 : Math.max(backoff.next(), error.retry_after_ms ?? 0));
    }
    if (mine !== run) return;
    try {
      open(mine);
    } catch (thrown) {
      on.problem(asClientError(thrown)); // a browser's policy, say
      closed(1006, 'no_socket');
    }
  }

  function open(mine: number) {
    readyAt = byeMs = undefined;
    const opened = openConnection(platform, parts.url, settings.connectTimeoutMs, {
      opened() {
        requests.attach(opened.write);
        void authenticate(mine);
      },
      frame,
      closed,
    });
    connection = opened;
  }

  async function authenticate(mine: number) {
    try {
      await requests.now('auth', { token }, { timeoutMs: settings.connectTimeoutMs });
    } catch (thrown) {
      const error = asClientError(thrown);
      if (mine !== run || error.code === 'timeout') return; // the connection itself ends, or has ended
      byeMs = error.retry_after_ms;
      giveUp(error.code === 'unauthenticated' ? closeCodes.unauthenticated.code : 1006, error.code);
    }
  }

  function frame(frame: ServerFrame) {
    if (typeof frame.re === 'string') return requests.answered(frame as ReplyFrame);
    if (frame.type === 'error') return on.problem(new ClientError(frame as unknown as ErrorFrame));
    if (frame.type === 'ready') return becomeReady(frame as unknown as Ready);
    if (frame.type === 'bye') {
      byeMs = Number(frame.reconnect_after_ms ?? Number.NaN);
      requests.hold();
    }
    on.event(frame);
  }

  function becomeReady(ready: Ready) {
    if (status === 'ready') return;
    status = 'ready';
    nudged = false;
    readyAt = platform.monotonic();
    connection?.watch(ready.ping_ms);
    renewal.start(ready, token);
    requests.release();
    on.ready(ready);
  }

  /** Ends the connection from this side, as if the server had closed it with `code`. */
  function giveUp(code: number, reason: string) {
    connection?.close();
    closed(code, reason);
  }

  function closed(code: number, reason: string) {
    connection = undefined;
    run++;
    renewal.stop();
    requests.detach();
    if (readyAt !== undefined && platform.monotonic() - readyAt >= settings.stableMs) {
      backoff.reset();
      refusals = 0;
    }
    const after = afterClose(code, byeMs, backoff.next, platform.random);
    if (after.next === 'stop') {
      on.down({ code, reason });
      return end(() =>
        code === closeCodes.revoked.code ? on.signedOut(revoked()) : on.stopped(code, reason),
      );
    }
    if (after.next === 'renew') tokens.spent(token);
    const waitMs = after.next === 'wait' ? after.ms : refusals++ === 0 ? 0 : backoff.next();
    const ms = nudged ? 0 : waitMs;
    status = 'waiting';
    on.down({ code, reason, reconnect_in_ms: ms });
    // A listener may have closed the client meanwhile.
    if (status === 'waiting') again(ms);
  }

  function again(ms: number) {
    status = 'waiting';
    cancelWait = platform.after(ms, () => void begin());
  }

  function end(tell: () => void) {
    status = 'ended';
    run++;
    cancelWait();
    renewal.stop();
    tokens.close();
    connection?.close(1000);
    connection = undefined;
    tell();
  }

  return {
    get status() {
      return status;
    },
    start: () => void begin(),
    nudge() {
      if (status === 'ready') return connection?.check();
      if (status === 'connecting') nudged = true;
      if (status !== 'waiting') return;
      cancelWait();
      void begin();
    },
    close() {
      if (status !== 'ended') end(() => {});
    },
  };
}

const revoked = () => new ClientError({ code: 'unauthenticated', reason: 'revoked' });
