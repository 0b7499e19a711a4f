import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import type { Dialect } from './dialect.ts';
import { clientFrame, FrameReader } from './frames.ts';
import type { ClientSpec } from './jobs.ts';

export interface SocketHandlers {
  onReady(): void;
  onSynced(): void;
  onAck(id: number): void;
  onRefusal(id: number, bytes: Buffer, from: number, to: number): void;
  onDelivery(bytes: Buffer, from: number, to: number): void;
  /** It ended, and not because of us. */
  onLost(why: string): void;
}

/** What all sockets read into: each chunk is used up before the next comes. */
const shared = Buffer.allocUnsafe(256 * 1024);

/** A WebSocket on a bare TCP socket: a client library would cost more than the server that is measured. */
export class LoadSocket {
  readonly #dialect: Dialect;
  readonly #handlers: SocketHandlers;
  readonly #reader: FrameReader;
  readonly #socket: Socket;
  /** The HTTP answer so far; undefined when it has come whole. */
  #head: string | undefined = '';
  #closing = false;

  constructor(port: number, dialect: Dialect, client: ClientSpec, handlers: SocketHandlers) {
    this.#dialect = dialect;
    this.#handlers = handlers;
    this.#reader = new FrameReader({
      onText: (bytes, from, to) => this.#text(bytes, from, to),
      onPing: (payload) => this.#socket.write(clientFrame(Buffer.from(payload), 0xa)),
      onClose: (code) => this.#lost(`closed with ${code}`),
    });
    this.#socket = connect({
      port,
      host: '127.0.0.1',
      noDelay: true,
      onread: {
        buffer: shared,
        callback: (length) => {
          this.#read(shared.subarray(0, length));
          return true;
        },
      },
    });
    this.#socket.on('error', (error) => this.#lost(error.message));
    this.#socket.on('close', () => this.#lost('ended'));
    this.#socket.write(
      `GET ${dialect.path(client)} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n${dialect.headers(client)}\r\n`,
    );
  }

  write(frames: Buffer): void {
    this.#socket.write(frames);
  }

  close(): void {
    this.#closing = true;
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    if (this.#head === undefined) {
      this.#reader.read(chunk);
      return;
    }
    this.#head += chunk.toString('latin1');
    const end = this.#head.indexOf('\r\n\r\n');
    if (end < 0) return;
    const head = this.#head;
    this.#head = undefined;
    if (!head.startsWith('HTTP/1.1 101 ')) {
      this.#lost(head.slice(0, head.indexOf('\r\n')));
      this.#socket.destroy();
    } else if (head.length > end + 4) this.#reader.read(Buffer.from(head.slice(end + 4), 'latin1'));
  }

  #text(bytes: Buffer, from: number, to: number): void {
    const heard = this.#dialect.hear(bytes, from, to);
    if (heard.is === 'delivery') this.#handlers.onDelivery(bytes, from, to);
    else if (heard.is === 'ack') this.#handlers.onAck(heard.id);
    else if (heard.is === 'refusal') this.#handlers.onRefusal(heard.id, bytes, from, to);
    else if (heard.is === 'ready') this.#handlers.onReady();
    else if (heard.is === 'synced') this.#handlers.onSynced();
    else if (heard.is === 'call') this.#socket.write(clientFrame(heard.answer));
  }

  #lost(why: string): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#handlers.onLost(why);
  }
}
