/** What the SDK needs from the place it runs in. Browsers and Node 22 have all of it; tests bring their own. */
export interface Platform {
  /** Milliseconds since 1970; may step, and may be wrong. */
  now(): number;
  /** Milliseconds that only grow. */
  monotonic(): number;
  /** Calls `task` once after `ms`; the returned function cancels it. */
  after(ms: number, task: () => void): () => void;
  /** 0 ≤ x < 1. */
  random(): number;
  fetch(url: string, init: RequestInit): Promise<Response>;
  openSocket(url: string): Socket;
}

/** As much of a WebSocket as is used here. */
export interface Socket {
  onopen: ((event: never) => unknown) | null;
  onmessage: ((event: { data: unknown }) => unknown) | null;
  onclose: ((event: { code: number; reason: string }) => unknown) | null;
  onerror: ((event: never) => unknown) | null;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

/** The longest time that timers take; beyond it they would fire at once. */
const longest = 2 ** 31 - 1;

export const defaultPlatform: Platform = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, task) {
    const timer = setTimeout(task, Math.min(Math.max(ms, 0), longest));
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
  fetch: (url, init) => globalThis.fetch(url, init),
  openSocket: (url) => new globalThis.WebSocket(url) as Socket,
};
