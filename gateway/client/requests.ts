import type { RequestFields, RequestType } from '../../schemas/frames/client.ts';
import type { ErrorFrame, ReplyFields } from '../../schemas/frames/server.ts';
import { limits } from '../../schemas/limits.ts';
import { type Backoff, createBackoff } from './backoff.ts';
import { ClientError } from './client-error.ts';
import type { Platform } from './platform.ts';
import type { Settings } from './settings.ts';

export interface RequestOptions {
  /** Milliseconds for the connection and the reply together. */
  timeoutMs?: number;
}

export type Request = <T extends RequestType>(
  type: T,
  fields: RequestFields<T>,
  options?: RequestOptions,
) => Promise<ReplyFields<T>>;

/** A reply frame as it came: `re` names the request. */
export type ReplyFrame = { re: string; type: 'ok'; [field: string]: unknown } | (ErrorFrame & { re: string });

/** Matches replies to requests. Every promise settles: by the reply, the time-out, or the connection's end. */
export interface Requests {
  /** On the connection that is there now; without one it rejects `unavailable`. */
  now: Request;
  /**
   * The same, but waits until a connection is ready; also for the next one, where this one is about to end. Requests
   * that wait keep their order. A read that nobody serves just now is asked again for some seconds: its server is
   * being rolled. What changes something is not, since a later request may stand before it then.
   */
  whenReady: Request;
  /** A connection is open: `now` may write to it. */
  attach(write: (text: string) => void): void;
  /** It is ready: what waited goes out. */
  release(): void;
  /** It is about to end: what is asked from now on waits for the next one. */
  hold(): void;
  /** It ended: what was asked on it has an unknown outcome. */
  detach(): void;
  answered(frame: ReplyFrame): void;
  close(error: ClientError): void;
}

interface Pending {
  resolve(fields: unknown): void;
  reject(error: ClientError): void;
  text: string;
  /** Not written yet, or surely not done. */
  waiting: boolean;
  /** Waits for a connection. */
  patient: boolean;
  /** Of a read: the times to wait before it is asked again. */
  backoff: Backoff | undefined;
  /** Monotonic: when nobody served it for the first time. */
  unservedAt?: number;
  /** How it was refused last, where it is asked again. */
  refusal?: ClientError;
  cancelAgain?: () => void;
}

/** Requests that change nothing, and of which one that is late spoils nothing. */
const reads: ReadonlySet<RequestType> = new Set<RequestType>(['sync', 'chat.get', 'history']);
/** What nobody serves for longer than this is told. */
const repeatsMs = 5000;

export function createRequests(platform: Platform, settings: Settings): Requests {
  const pending = new Map<string, Pending>();
  let write: ((text: string) => void) | undefined;
  let ready = false;
  let closed: ClientError | undefined;
  let count = 0;

  function ask<T extends RequestType>(
    type: T,
    fields: RequestFields<T>,
    timeoutMs: number,
    patient: boolean,
  ): Promise<ReplyFields<T>> {
    if (closed !== undefined) return Promise.reject(closed);
    if (pending.size >= settings.pendingRequests) return Promise.reject(refused('too_many_pending'));
    const id = String(++count);
    const text = JSON.stringify({ id, type, ...fields });
    // The server would close the socket for good (4013): refuse it here.
    if (tooLong(text)) return Promise.reject(new ClientError({ code: 'too_large', reason: 'frame' }));
    return new Promise<ReplyFields<T>>((resolve, reject) => {
      const cancel = platform.after(timeoutMs, () => {
        const one = settle(id);
        one?.reject(one.waiting ? (one.refusal ?? refused('not_connected')) : unknown('no_answer'));
      });
      pending.set(id, {
        resolve: (reply) => {
          cancel();
          resolve(reply as ReplyFields<T>);
        },
        reject: (error) => {
          cancel();
          reject(error);
        },
        text,
        waiting: patient && !ready,
        patient,
        backoff: reads.has(type) ? createBackoff(platform, settings) : undefined,
      });
      if (!patient || ready) write?.(text);
    });
  }

  function settle(id: string): Pending | undefined {
    const one = pending.get(id);
    pending.delete(id);
    one?.cancelAgain?.();
    return one;
  }

  /** It was surely not done, and waits for the next connection or for a moment; false where neither helps. */
  function waits(one: Pending, { code, reason, retry_after_ms = 0 }: ErrorFrame): boolean {
    if (!one.patient || code !== 'unavailable') return false;
    if (reason === 'draining') {
      ready = false;
      one.waiting = true;
      return true;
    }
    if (reason !== 'no_service' || one.backoff === undefined) return false;
    const now = platform.monotonic();
    const ms = Math.max(retry_after_ms, settings.backoffBaseMs / 2 + one.backoff.next());
    one.unservedAt ??= now;
    if (now + ms > one.unservedAt + repeatsMs) return false;
    one.waiting = true;
    // Of a refusal on the connection before.
    one.cancelAgain?.();
    one.cancelAgain = platform.after(ms, () => {
      if (!ready || !one.waiting) return;
      one.waiting = false;
      write?.(one.text);
    });
    return true;
  }

  return {
    now(type, fields, options) {
      if (write === undefined) return Promise.reject(closed ?? refused('not_connected'));
      return ask(type, fields, options?.timeoutMs ?? settings.requestTimeoutMs, false);
    },
    whenReady: (type, fields, options) =>
      ask(type, fields, options?.timeoutMs ?? settings.requestTimeoutMs, true),
    attach(to) {
      write = to;
    },
    release() {
      ready = true;
      for (const one of pending.values()) {
        if (!one.waiting) continue;
        one.waiting = false;
        write?.(one.text);
      }
    },
    hold() {
      ready = false;
    },
    detach() {
      write = undefined;
      ready = false;
      for (const [id, one] of [...pending]) if (!one.waiting) settle(id)?.reject(unknown('disconnected'));
    },
    answered(frame) {
      const asked = pending.get(frame.re);
      if (asked !== undefined && frame.type === 'error' && waits(asked, frame)) {
        asked.refusal = new ClientError(frame);
        return;
      }
      const one = settle(frame.re);
      if (frame.type === 'error') one?.reject(new ClientError(frame));
      else {
        const { re, type, ...fields } = frame;
        one?.resolve(fields);
      }
    },
    close(error) {
      closed = error;
      write = undefined;
      for (const [id, one] of [...pending]) settle(id)?.reject(one.waiting ? error : unknown('closed'));
    },
  };
}

const refused = (reason: string) => new ClientError({ code: 'unavailable', reason });
const unknown = (reason: string) => new ClientError({ code: 'timeout', reason });

function tooLong(text: string): boolean {
  return text.length * 3 > limits.frame && new TextEncoder().encode(text).length > limits.frame;
}
