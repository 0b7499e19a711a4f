import type { RequestFields, RequestType } from '../../schemas/frames/client.ts';
import type { ErrorFrame, ReplyFields } from '../../schemas/frames/server.ts';
import { limits } from '../../schemas/limits.ts';
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
   * The same, but waits until a connection is ready. Where a part of the server is just rolled, and so refuses it, it
   * is asked again until its time is over. Requests that wait keep their order.
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
  /** How it was refused last, where it is asked again. */
  refusal?: ClientError;
  cancelAgain?: () => void;
}

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

  /** It is surely not done: once more, by the next connection or in a moment. */
  function repeat(one: Pending, refusal: ErrorFrame): void {
    one.waiting = true;
    one.refusal = new ClientError(refusal);
    if (refusal.reason === 'draining') {
      ready = false;
      return;
    }
    const ms = Math.max(refusal.retry_after_ms ?? 0, settings.backoffBaseMs * (0.5 + platform.random() / 2));
    one.cancelAgain = platform.after(ms, () => {
      if (!ready || !one.waiting) return;
      one.waiting = false;
      write?.(one.text);
    });
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
      if (asked?.patient && frame.type === 'error' && passes(frame)) return repeat(asked, frame);
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

/** The gateway is about to end, or no process offers the service now: both happen when a cluster is rolled. */
const passes = ({ code, reason }: ErrorFrame) =>
  code === 'unavailable' && (reason === 'draining' || reason === 'no_service');
const refused = (reason: string) => new ClientError({ code: 'unavailable', reason });
const unknown = (reason: string) => new ClientError({ code: 'timeout', reason });

function tooLong(text: string): boolean {
  return text.length * 3 > limits.frame && new TextEncoder().encode(text).length > limits.frame;
}
