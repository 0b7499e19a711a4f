import { randomBytes } from 'node:crypto';
import net from 'node:net';
import { expect } from 'chai';
import type { Target } from './target.ts';

/** A bare TCP connection, for what no proper client does. */
export interface Wire {
  readonly socket: net.Socket;
  /** What has come, a byte a character. */
  text(): string;
  bytes(): Buffer;
  closed(): boolean;
  send(...parts: (string | Uint8Array)[]): void;
  /** Waits until all of it lies in the hands of the operating system, or nothing more can be sent. */
  sent(): Promise<void>;
  /** Waits until what has come satisfies this. */
  until(what: string, check: (text: string) => boolean): Promise<string>;
  /** Waits until the other side has ended it; gives what came before. */
  gone(withinMs?: number): Promise<string>;
  /** Ends it with a reset, as a process that dies or a cut cable would. */
  abort(): void;
}

const patienceMs = 15_000;

export function openWire(target: Target, ...first: (string | Uint8Array)[]): Wire {
  const chunks: Buffer[] = [];
  const looking = new Set<() => void>();
  let closed = false;
  const socket = net.connect(target.port, '127.0.0.1');
  socket.setNoDelay(true);
  const look = () => {
    for (const check of [...looking]) check();
  };
  socket.on('data', (data) => {
    chunks.push(data);
    look();
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    closed = true;
    look();
  });
  const bytes = () => Buffer.concat(chunks);
  const text = () => bytes().toString('latin1');

  function wait(what: string, done: () => boolean, withinMs: number): Promise<string> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        looking.delete(check);
        socket.destroy();
        reject(new Error(`Never came: ${what}. Got: ${JSON.stringify(text().slice(-500))}`));
      }, withinMs);
      const check = () => {
        if (!done()) return;
        clearTimeout(timer);
        looking.delete(check);
        resolve(text());
      };
      looking.add(check);
      check();
    });
  }

  const wire: Wire = {
    socket,
    text,
    bytes,
    closed: () => closed,
    send(...parts) {
      for (const part of parts) if (socket.writable) socket.write(part);
    },
    sent: () =>
      new Promise((resolve) => {
        if (!socket.writable) {
          resolve();
          return;
        }
        const done = () => {
          socket.off('close', done);
          resolve();
        };
        socket.once('close', done);
        socket.write('', done);
      }),
    until: (what, check) => wait(what, () => check(text()), patienceMs),
    gone: (withinMs = patienceMs) => wait('the end of the connection', () => closed, withinMs),
    abort() {
      socket.resetAndDestroy();
    },
  };
  wire.send(...first);
  return wire;
}

/** Statuses of the answers in what came. */
export function statusesOf(text: string): number[] {
  return [...text.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) => Number(status));
}

/** A request as text; the headers in any order and number. */
export function head(
  method: string,
  path: string,
  headers: readonly (readonly [string, string])[] = [],
): string {
  return `${method} ${path} HTTP/1.1\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
}

// WebSocket, byte by byte (RFC 6455)

export function upgradeHead(path = '/ws', changes: Record<string, string | undefined> = {}): string {
  const headers = {
    Host: 'test',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
    'Sec-WebSocket-Version': '13',
    ...changes,
  };
  return head(
    'GET',
    path,
    Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
  );
}

export interface FrameShape {
  opcode: number;
  payload?: string | Uint8Array;
  fin?: boolean;
  masked?: boolean;
  /** The three reserved bits, as a number of 0 to 7. */
  reserved?: number;
  /** What the head says of the length, where that is not the payload's. */
  length?: bigint;
}

export const opcodes = { next: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export function frameBytes({
  opcode,
  payload = '',
  fin = true,
  masked = true,
  reserved = 0,
  length,
}: FrameShape): Buffer {
  const content = Buffer.from(payload as Uint8Array);
  const size = length ?? BigInt(content.length);
  const first = (fin ? 0x80 : 0) | (reserved << 4) | opcode;
  const mask = randomBytes(4);
  const body = masked ? content.map((byte, at) => byte ^ (mask[at % 4] ?? 0)) : content;
  return Buffer.concat([
    Buffer.from([first]),
    lengthBytes(size, masked),
    masked ? mask : Buffer.alloc(0),
    body,
  ]);
}

function lengthBytes(size: bigint, masked: boolean): Buffer {
  const bit = masked ? 0x80 : 0;
  if (size < 126n) return Buffer.from([bit | Number(size)]);
  if (size < 65_536n) {
    const short = Buffer.from([bit | 126, 0, 0]);
    short.writeUInt16BE(Number(size), 1);
    return short;
  }
  const long = Buffer.alloc(9);
  long[0] = bit | 127;
  long.writeBigUInt64BE(size, 1);
  return long;
}

/** A WebSocket that has been upgraded, and says nothing by itself: no pong either. */
export async function openRawSocket(target: Target, token?: string): Promise<Wire> {
  const wire = openWire(target, upgradeHead('/ws', { Authorization: token && `Bearer ${token}` }));
  await wire.until('the upgrade', (text) => text.includes('\r\n\r\n'));
  if (token !== undefined) await wire.until('ready', (text) => text.includes('"type":"ready"'));
  return wire;
}

/** What the program says to this, if anything: with half a request it waits for the rest. */
export async function answersTo(target: Target, ...parts: (string | Uint8Array)[]): Promise<string> {
  const wire = openWire(target, ...parts);
  const text = await settled(target, wire);
  wire.abort();
  return text;
}

/** What has come when later requests on another connection are answered: the program had its turn. */
export async function settled(target: Target, wire: Wire): Promise<string> {
  await wire.sent();
  for (let round = 0; round < 5 || (round < 15 && wire.text() === '' && !wire.closed()); round++)
    await (await fetch(`${target.url}/live`)).text();
  return wire.text();
}

export function expectNoServerError(text: string, what: string): void {
  // 505 is uWebSockets' word for another version than HTTP/1.1.
  const errors = statusesOf(text).filter((status) => status >= 500 && status !== 505);
  expect(errors, `${what}: ${text.slice(0, 300)}`).to.deep.equal([]);
}
