import { expect } from 'chai';
import { type ErrorCode, errorCatalogue } from '../../../schemas/errors.ts';
import type { Target } from './target.ts';

export interface Frame {
  [field: string]: unknown;
  type?: string;
  re?: string;
}

/** One WebSocket of a proper client that may say improper things. */
export interface Line {
  readonly frames: readonly Frame[];
  closed(): { code: number; reason: string } | undefined;
  send(text: string | Uint8Array<ArrayBuffer>): void;
  /** Sends a request under the next id and gives its reply, whatever that is. */
  ask(type: string, fields?: object): Promise<Frame>;
  reply(id: string): Promise<Frame>;
  /** The first frame that this accepts, whenever it came. */
  frame(what: string, accepts: (frame: Frame) => boolean): Promise<Frame>;
  ended(): Promise<{ code: number; reason: string }>;
  close(): void;
}

export interface OpenOptions {
  token?: string;
  path?: string;
  headers?: Record<string, string>;
}

const patienceMs = 15_000;

/** Opens a socket, and waits for `ready` where it has a token. Rejects where the upgrade is refused. */
export async function openLine(
  target: Target,
  { token, path = '/ws', headers = {} }: OpenOptions = {},
): Promise<Line> {
  const all = { ...headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) };
  // Node's WebSocket takes headers, which browsers' and the types do not.
  const ws = new WebSocket(`ws://127.0.0.1:${target.port}${path}`, { headers: all } as never);
  const line = follow(ws);
  await new Promise((resolve, reject) => {
    ws.onopen = resolve;
    ws.onerror = () => reject(new Error('the socket did not open'));
  });
  ws.onerror = () => {};
  if (token !== undefined) await line.frame('ready', ({ type }) => type === 'ready');
  return line;
}

function follow(ws: WebSocket): Line {
  const frames: Frame[] = [];
  const byReply = new Map<string, Frame>();
  const looking = new Set<() => void>();
  let closed: { code: number; reason: string } | undefined;
  let count = 0;
  const look = () => {
    for (const check of [...looking]) check();
  };
  ws.onmessage = ({ data }) => {
    const frame = JSON.parse(String(data)) as Frame;
    frames.push(frame);
    if (frame.re !== undefined) byReply.set(frame.re, frame);
    look();
  };
  ws.onclose = ({ code, reason }) => {
    closed = { code, reason };
    look();
  };

  function until<T>(what: string, find: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        looking.delete(check);
        reject(new Error(`Never came: ${what}. Closed: ${JSON.stringify(closed)}`));
      }, patienceMs);
      const check = () => {
        const found = find();
        if (found === undefined) return;
        clearTimeout(timer);
        looking.delete(check);
        resolve(found);
      };
      looking.add(check);
      check();
    });
  }

  const reply = (id: string) => until(`the reply to ${id}`, () => byReply.get(id));
  return {
    frames,
    closed: () => closed,
    send: (text) => ws.send(text),
    reply,
    ask(type, fields = {}) {
      const id = `own-${++count}`;
      ws.send(JSON.stringify({ id, type, ...fields }));
      return reply(id);
    },
    frame: (what, accepts) => until(what, () => frames.find(accepts)),
    ended: () => until('the close', () => closed),
    close: () => ws.close(),
  };
}

/** An error frame is one of the catalogue's, word for word, and no bug of ours. */
export function expectRefusal(frame: Frame, codes?: readonly ErrorCode[]): void {
  const what = JSON.stringify(frame).slice(0, 500);
  expect(frame.type, what).to.equal('error');
  expect(Object.hasOwn(errorCatalogue, String(frame.code)), what).to.equal(true);
  const { title, status } = errorCatalogue[frame.code as ErrorCode];
  expect(frame.title, what).to.equal(title);
  expect(status, what).to.be.lessThan(500);
  if (codes !== undefined) expect(codes, what).to.include(frame.code);
}
