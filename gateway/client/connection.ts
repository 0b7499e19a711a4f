import type { Platform } from './platform.ts';

/** One socket, from opening to its end. */
export interface Connection {
  write(text: string): void;
  /** The server is known: from now on silence is checked. `pingMs` is how often the server pings. */
  watch(pingMs: number): void;
  /** Something about the network changed: asks now, and gives the server a few seconds. */
  check(): void;
  /**
   * Ends it without a word to the handlers. A dead link cannot be told: Node then keeps its socket, and with
   * it the process, until the system gives the link up (there is no way to drop a WebSocket at once).
   */
  close(code?: number): void;
}

/** A frame of the server: a JSON object with a `type`. */
export interface ServerFrame {
  type: string;
  re?: unknown;
  [field: string]: unknown;
}

export interface ConnectionHandlers {
  opened(): void;
  frame(frame: ServerFrame): void;
  /** Once, and nothing comes after it. 1006 also stands for a socket given up as dead. */
  closed(code: number, reason: string): void;
}

/** How long a server that was silent for long may take to answer a `ping`, at most. */
const longestAnswerMs = 10_000;
/** The same where we have a reason to ask. */
const checkAnswerMs = 3_000;

export function openConnection(
  platform: Platform,
  url: string,
  connectTimeoutMs: number,
  handlers: ConnectionHandlers,
): Connection {
  const socket = platform.openSocket(url);
  let over = false;
  let heard = platform.monotonic();
  let cancel = platform.after(connectTimeoutMs, () => end(1006, 'connect_timeout'));

  let opened = false;
  let watched: number | undefined;
  let asking = false;
  socket.onopen = () => {
    opened = true;
    handlers.opened();
  };
  socket.onmessage = ({ data }) => {
    heard = platform.monotonic();
    const frame = typeof data === 'string' ? parse(data) : undefined;
    if (frame !== undefined) handlers.frame(frame);
  };
  socket.onclose = ({ code, reason }) => end(code, reason);
  // Node 22 says nothing more of a socket that never opened; of others `close` tells how they ended.
  socket.onerror = () => {
    if (!opened) end(1006, 'not_reached');
  };

  function end(code: number, reason: string) {
    if (over) return;
    release();
    handlers.closed(code, reason);
  }

  function release(code?: number) {
    over = true;
    cancel();
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(code);
  }

  /** Browsers do not show the server's pings, so after a silence of 1.5 of them we ask. */
  function listen(pingMs: number) {
    asking = false;
    const silence = pingMs * 1.5 - (platform.monotonic() - heard);
    cancel = platform.after(Math.max(silence, 0), () => {
      if (platform.monotonic() - heard < pingMs * 1.5) return listen(pingMs);
      ask(pingMs, Math.min(pingMs / 2, longestAnswerMs));
    });
  }

  function ask(pingMs: number, answerMs: number) {
    asking = true;
    const asked = platform.monotonic();
    socket.send(JSON.stringify({ id: 'alive', type: 'ping' }));
    cancel = platform.after(answerMs, () => {
      if (heard >= asked) listen(pingMs);
      else end(1006, 'silent');
    });
  }

  return {
    write(text) {
      if (!over) socket.send(text);
    },
    watch(pingMs) {
      cancel();
      watched = Math.max(pingMs, 1);
      if (!over) listen(watched);
    },
    check() {
      if (over || asking || watched === undefined) return;
      cancel();
      ask(watched, checkAnswerMs);
    },
    close(code) {
      if (!over) release(code);
    },
  };
}

/** What is no frame is passed over: a durable event among it shows as a gap. */
function parse(data: string): ServerFrame | undefined {
  try {
    const frame: unknown = JSON.parse(data);
    const isFrame = typeof frame === 'object' && frame !== null && 'type' in frame;
    return isFrame && typeof frame.type === 'string' ? (frame as ServerFrame) : undefined;
  } catch {
    return undefined;
  }
}
