import type { HttpResponse } from 'uWebSockets.js';
import type { Outlet } from '../websocket/connection.ts';

/** The server-sent event streams of this gateway, and the topics that they are on. */
export interface EventStreams {
  /**
   * Begins the stream in a response whose head is written, within its cork. `onClose` is told once when it is
   * over, whoever ended it: `slow` where the client did not read.
   */
  open(res: HttpResponse, onClose: (slow: boolean) => void): Outlet;
  /** Hands a frame to every stream on this topic. */
  publish(topic: string, frame: string | Buffer): void;
}

/** How long browsers wait before they connect again, in milliseconds. */
const retryMs = 2000;

/** `maxBackpressure`: bytes that may wait for one client; with more it is ended. */
export function createEventStreams(maxBackpressure: number): EventStreams {
  const topics = new Map<string, Set<EventStream>>();

  return {
    open: (res, onClose) => new EventStream(res, topics, maxBackpressure, onClose),
    publish(topic, frame) {
      const streams = topics.get(topic);
      if (streams === undefined) return;
      const chunk = chunkOf(frame.toString());
      const bytes = Buffer.byteLength(chunk);
      for (const stream of streams) stream.put(chunk, bytes);
    },
  };
}

/** A frame is JSON of one line: it needs no splitting, and its `type` says what `event:` would. */
const chunkOf = (frame: string) => `data: ${frame}\n\n`;

/**
 * What is written under one cork: it fits into the cork buffer of uWebSockets (16 KiB) with its length. A greater
 * chunk is lost where the socket is full: its corked length cannot be sent, and the chunk is not kept.
 */
const pieceMost = 12 * 1024;

/** What `WebSocket.send` of uWebSockets gives back. */
const accepted = 1;
const dropped = 2;

/**
 * One stream: a response that never ends by itself. What comes in one turn is written in one piece. Where the
 * client is behind it waits here, as uWebSockets neither tells nor bounds what waits in a response; a client
 * that takes nothing for about 10 s is ended by uWebSockets.
 */
class EventStream implements Outlet {
  readonly #res: HttpResponse;
  readonly #topics: Map<string, Set<EventStream>>;
  readonly #most: number;
  readonly #onClose: (slow: boolean) => void;
  readonly #on = new Set<string>();
  #waiting = '';
  #bytes = 0;
  /** A write is on its way: the next one when the client has taken it. */
  #behind = false;
  #scheduled = false;
  #state: 'open' | 'ending' | 'over' = 'open';
  #slow = false;

  constructor(
    res: HttpResponse,
    topics: Map<string, Set<EventStream>>,
    most: number,
    onClose: (slow: boolean) => void,
  ) {
    this.#res = res;
    this.#topics = topics;
    this.#most = most;
    this.#onClose = onClose;
    res.onAborted(() => this.#over());
    res.onWritable(() => this.#onWritable());
    // The head of the answer leaves with the first bytes.
    this.#behind = !res.write(`retry: ${retryMs}\n\n`);
  }

  send(frame: string): number {
    const chunk = chunkOf(frame);
    return this.put(chunk, Buffer.byteLength(chunk)) ? accepted : dropped;
  }

  /** False: too much waits already, and the stream ends. */
  put(chunk: string, bytes: number): boolean {
    if (this.#state !== 'open') return false;
    if (this.#bytes + bytes > this.#most) {
      this.#abandon();
      return false;
    }
    this.#waiting += chunk;
    this.#bytes += bytes;
    if (!this.#behind && !this.#scheduled) {
      this.#scheduled = true;
      queueMicrotask(() => this.#flush());
    }
    return true;
  }

  /** A comment line: it keeps proxies from closing the stream, and tells us of a client that is gone. */
  ping(): void {
    if (!this.#behind) this.put(':\n\n', 3);
  }

  getBufferedAmount(): number {
    return this.#behind ? Math.max(1, this.#bytes) : 0;
  }

  cork(write: () => void): void {
    write();
  }

  subscribe(topic: string): void {
    if (this.#state === 'over') return;
    this.#on.add(topic);
    const streams = this.#topics.get(topic);
    if (streams === undefined) this.#topics.set(topic, new Set([this]));
    else streams.add(this);
  }

  unsubscribe(topic: string): void {
    this.#on.delete(topic);
    const streams = this.#topics.get(topic);
    streams?.delete(this);
    if (streams?.size === 0) this.#topics.delete(topic);
  }

  /** Ends it after what waits; the reason is for WebSockets. */
  end(): void {
    if (this.#state !== 'open') return;
    this.#write();
    this.#res.cork(() => this.#res.end());
    this.#over();
  }

  #flush(): void {
    this.#scheduled = false;
    if (this.#state === 'open' && this.#waiting !== '' && !this.#behind) this.#write();
  }

  #write(): void {
    const bytes = Buffer.from(this.#waiting);
    this.#forget();
    for (let at = 0; at < bytes.length; at += pieceMost) {
      const piece = bytes.subarray(at, at + pieceMost);
      this.#res.cork(() => {
        this.#behind = !this.#res.write(piece);
      });
    }
  }

  #forget(): void {
    this.#waiting = '';
    this.#bytes = 0;
  }

  /** The client reads on. Something has to be written: only a write lets uWebSockets send what it still holds. */
  #onWritable(): boolean {
    if (this.#state !== 'open') return true;
    if (this.#waiting === '') this.#waiting = ':\n\n';
    this.#write();
    return !this.#behind;
  }

  /** Not within a publish: others are still being handed their frames. */
  #abandon(): void {
    this.#state = 'ending';
    this.#slow = true;
    this.#forget();
    setImmediate(() => {
      if (this.#state === 'ending') this.#res.close();
    });
  }

  #over(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    for (const topic of [...this.#on]) this.unsubscribe(topic);
    this.#onClose(this.#slow);
  }
}
