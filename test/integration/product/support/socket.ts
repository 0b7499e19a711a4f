import type { RequestFields, RequestType } from '../../../../schemas/frames/client.ts';
import type { ErrorFrame, EventFrame, EventType, ReplyFields } from '../../../../schemas/frames/server.ts';
import { checkEvent, checkReply } from './exact.ts';

export interface Frame {
  [field: string]: unknown;
}

export interface Closed {
  code: number;
  reason: string;
}

/** One raw client socket. Every frame that it gets is held to its schema. */
export interface Socket {
  /** Every frame, in the order of arrival. */
  readonly frames: readonly Frame[];
  closed(): Closed | undefined;
  /** The fields of the good reply. */
  request<T extends RequestType>(type: T, fields: RequestFields<T>): Promise<ReplyFields<T>>;
  /** The refusal of what should be refused. */
  refusal(type: string, fields?: object): Promise<ErrorFrame>;
  /** Whatever the reply is. */
  ask(type: string, fields?: object, id?: string): Promise<Frame>;
  /** Sends this as it is; `answers`: the type of the request that it is, if it is one with the id `raw`. */
  raw(text: string | Uint8Array<ArrayBuffer>, answers?: string): void;
  /** The first event of this type with these fields, whenever it came. */
  event<T extends EventType>(type: T, where?: Partial<EventFrame<T>>): Promise<EventFrame<T>>;
  /** All events of this type with these fields so far. */
  events<T extends EventType>(type: T, where?: Partial<EventFrame<T>>): EventFrame<T>[];
  /** Every event of the types given so far, `ready` left out. */
  heard(): Frame[];
  /** Waits for the answer to a ping: whatever the program had said to it before has come. */
  quiet(): Promise<void>;
  /** Waits until this gives something. */
  until<T>(what: string, find: () => T | undefined | false): Promise<T>;
  end(): Promise<Closed>;
  close(): void;
}

const open = new Set<WebSocket>();

/** Closes whatever sockets are open still. */
export function closeSockets(): void {
  for (const ws of open) ws.close();
  open.clear();
}

export interface OpenOptions {
  token?: string | undefined;
  /** `/ws` unless it says otherwise, with its query. */
  path?: string;
  protocols?: string[];
}

const patienceMs = 15_000;

/** Opens a socket; it need not be authenticated. Rejects where the upgrade is refused. */
export async function openSocket(url: string, options: OpenOptions = {}): Promise<Socket> {
  const { token, path = '/ws', protocols = [] } = options;
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  // Node's WebSocket takes headers, which browsers' and the types do not.
  const ws = new WebSocket(`${url.replace('http', 'ws')}${path}`, { headers, protocols } as never);
  const socket = follow(ws);
  await new Promise((resolve, reject) => {
    ws.onopen = resolve;
    ws.onerror = () => reject(new Error('the socket did not open'));
  });
  open.add(ws);
  ws.onerror = () => {};
  return socket;
}

interface Waiting {
  resolve(frame: Frame): void;
  reject(error: Error): void;
}

function follow(ws: WebSocket): Socket {
  const frames: Frame[] = [];
  const events = new Map<unknown, Frame[]>();
  const types = new Map<string, string>();
  const waiting = new Map<string, Waiting>();
  const looking = new Set<() => void>();
  let closed: Closed | undefined;
  let count = 0;

  ws.onmessage = ({ data }) => {
    const frame = JSON.parse(String(data)) as Frame;
    const { re, type } = frame;
    frames.push(frame);
    if (re === undefined) {
      checkEvent(frame);
      const before = events.get(type);
      if (before === undefined) events.set(type, [frame]);
      else before.push(frame);
    } else {
      checkReply(types.get(String(re)), frame);
      waiting.get(String(re))?.resolve(frame);
      waiting.delete(String(re));
    }
    for (const look of [...looking]) look();
  };
  ws.onclose = ({ code, reason }) => {
    open.delete(ws);
    closed = { code, reason };
    for (const { reject } of waiting.values()) reject(new Error(`The socket closed with ${code}`));
    waiting.clear();
    for (const look of [...looking]) look();
  };

  /** Rejects when that takes too long, with what came last. */
  function patiently<T>(
    what: string,
    start: (resolve: (found: T) => void, reject: Waiting['reject']) => void,
  ) {
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => {
        const last = frames.slice(-5).map((frame) => JSON.stringify(frame).slice(0, 300));
        reject(new Error(`Never came: ${what}. Closed: ${JSON.stringify(closed)}. Last: ${last.join('\n')}`));
      }, patienceMs);
      const end = () => clearTimeout(timer);
      start(
        (found) => {
          end();
          resolve(found);
        },
        (error) => {
          end();
          reject(error);
        },
      );
    });
  }

  function until<T>(what: string, find: () => T | undefined | false): Promise<T> {
    let look = () => {};
    return patiently<T>(what, (resolve) => {
      look = () => {
        const found = find();
        if (found !== undefined && found !== false) resolve(found);
      };
      looking.add(look);
      look();
    }).finally(() => looking.delete(look));
  }

  async function ask(type: string, fields: object = {}, id = String(++count)): Promise<Frame> {
    if (closed !== undefined) throw new Error(`The socket has closed with ${closed.code}`);
    types.set(id, type);
    return patiently<Frame>(`the reply to ${type}`, (resolve, reject) => {
      waiting.set(id, { resolve, reject });
      ws.send(JSON.stringify({ id, type, ...fields }));
    });
  }

  function matching(type: string, where: object = {}): Frame[] {
    const wanted = Object.entries(where).map(([name, value]) => [name, JSON.stringify(value)] as const);
    return (events.get(type) ?? []).filter((frame) =>
      wanted.every(([name, value]) => JSON.stringify(frame[name]) === value),
    );
  }

  return {
    frames,
    closed: () => closed,
    ask,
    until,
    async request(type, fields) {
      const { re: _, type: outcome, ...reply } = await ask(type, fields);
      if (outcome !== 'ok') throw new Error(`${type} was refused: ${JSON.stringify(reply)}`);
      return reply as never;
    },
    async refusal(type, fields) {
      const frame = await ask(type, fields);
      if (frame.type !== 'error') throw new Error(`${type} was not refused: ${JSON.stringify(frame)}`);
      return frame as unknown as ErrorFrame;
    },
    raw(text, answers) {
      if (answers !== undefined) types.set('raw', answers);
      ws.send(text);
    },
    async event(type, where) {
      return (await until(`${type} ${JSON.stringify(where)}`, () => matching(type, where)[0])) as never;
    },
    events: (type, where) => matching(type, where) as never,
    heard: () => frames.filter(({ re, type }) => re === undefined && type !== 'ready'),
    async quiet() {
      await ask('ping');
    },
    end: () => until('the close', () => closed),
    close: () => ws.close(),
  };
}
