import {
  App,
  type HttpResponse,
  type WebSocket as UwsSocket,
  type us_listen_socket,
  us_listen_socket_close,
  us_socket_local_port,
} from 'uWebSockets.js';
import { fail, type Refusal, refusalOf } from '../../schemas/errors.ts';
import { type RequestFields, type RequestType, requestFrames } from '../../schemas/frames/client.ts';
import { encodeError, encodeOk } from '../../schemas/frames/codec.ts';
import type { EventFields, EventType, ReplyFields } from '../../schemas/frames/server.ts';
import { newId } from '../../schemas/ids.ts';
import { validator } from '../../schemas/validator.ts';
import { until } from './until.ts';

const checks = Object.fromEntries(
  Object.entries(requestFrames).map(([type, schema]) => [type, validator(schema)]),
) as unknown as Record<RequestType, (frame: unknown) => unknown>;

/**
 * The other end of a client's socket, doing what a test tells it: it speaks the protocol's frames over a
 * real socket and keeps no promise of Suhbat, so that a client can be shown every way they may be broken.
 * It refuses what the schema refuses, as any server would, and tells so in `breaches`.
 */
export interface ScriptedServer {
  readonly url: string;
  readonly userId: string;
  /** Every connection that was ever opened, oldest first. */
  readonly peers: Peer[];
  /** Every REST call, oldest first. */
  readonly calls: { path: string; body: Record<string, unknown> }[];
  /** Frames of clients that break the schema. */
  readonly breaches: string[];
  /** What `ready` says. Dates are those of the server's own clock. */
  readonly opening: { pingMs: number; tokenMs: number };
  /**
   * Answers requests of this type from now on: with the fields of the reply, with a thrown `fail(…)`, or,
   * for `undefined`, not at all.
   */
  answer<T extends RequestType>(type: T, answer: Answer<T>): void;
  /** Answers `POST path`: with the body of a 200, or a thrown `fail(…)`. */
  post(path: string, answer: (body: Record<string, unknown>) => object): void;
  /** The n-th connection (from 1), once it is there and has sent a frame. */
  connection(n: number): Promise<Peer>;
  close(): void;
}

export type Answer<T extends RequestType> = (
  fields: RequestFields<T>,
  peer: Peer,
) => ReplyFields<T> | undefined;

/** One connection, seen from the server. */
export interface Peer {
  /** Every request, in the order of arrival. */
  readonly frames: ReceivedFrame[];
  readonly open: boolean;
  of(type: RequestType): ReceivedFrame[];
  send<T extends EventType>(type: T, fields: EventFields<T>): void;
  /** Any text at all. */
  raw(text: string): void;
  ok(frame: ReceivedFrame, fields: object): void;
  refuse(frame: ReceivedFrame, refusal: Refusal, retryable?: boolean): void;
  /** Answers nothing more: the half-dead socket. */
  mute(): void;
  close(code: number, reason?: string): void;
  /** The connection is cut without a word: the client sees 1006. */
  cut(): void;
}

export type ReceivedFrame = { id: string; type: RequestType } & Record<string, unknown>;

export async function startScriptedServer(now: () => number = Date.now): Promise<ScriptedServer> {
  const answers = new Map<RequestType, Answer<RequestType>>();
  const posts = new Map<string, (body: Record<string, unknown>) => object>();
  const peers: Peer[] = [];
  const calls: ScriptedServer['calls'] = [];
  const breaches: string[] = [];
  const opening = { pingMs: 25_000, tokenMs: 900_000 };
  const userId = newId();
  const byData = new WeakMap<object, ReturnType<typeof createPeer>>();

  const expiry = () => new Date(now() + opening.tokenMs).toISOString();
  const server: Omit<ScriptedServer, 'url'> = {
    userId,
    peers,
    calls,
    breaches,
    opening,
    answer: (type, answer) => void answers.set(type, answer as unknown as Answer<RequestType>),
    post: (path, answer) => void posts.set(path, answer),
    async connection(n) {
      await until(`connection ${n}`, () => (peers[n - 1]?.frames.length ?? 0) > 0);
      return peers[n - 1] as Peer;
    },
    close() {
      for (const peer of peers) peer.cut();
      us_listen_socket_close(listening);
    },
  };

  server.answer('auth', (_, peer) => {
    // The first one opens; later ones renew.
    if (peer.of('auth').length === 1)
      peer.send('ready', {
        user_id: userId,
        login_id: newId(),
        connection_id: newId(),
        server_time: new Date(now()).toISOString(),
        ping_ms: opening.pingMs,
        token_expires_at: expiry(),
      });
    return { token_expires_at: expiry() };
  });
  server.answer('ping', () => ({}));
  server.answer('sync', () => ({ chats: [], gone: [] }));
  server.answer('read', ({ seq }) => ({ read: seq }));
  server.answer('typing', () => ({}));

  function receive(peer: Peer & { muted: boolean }, text: string) {
    const frame = JSON.parse(text) as ReceivedFrame;
    try {
      checks[frame.type](frame);
    } catch (error) {
      breaches.push(`${text.slice(0, 200)}: ${JSON.stringify(refusalOf(error).errors)}`);
    }
    peer.frames.push(frame);
    const { id: _, type, ...fields } = frame;
    if (peer.muted) return;
    try {
      const reply = answers.get(type)?.(fields as never, peer);
      if (reply !== undefined && !peer.muted) peer.ok(frame, reply);
    } catch (error) {
      peer.refuse(frame, refusalOf(error));
    }
  }

  function rest(res: HttpResponse, path: string, text: string) {
    const body = JSON.parse(text) as Record<string, unknown>;
    calls.push({ path, body });
    try {
      const answer = posts.get(path);
      if (answer === undefined) throw fail('not_found');
      const reply = JSON.stringify(answer(body));
      res.cork(() => res.writeHeader('content-type', 'application/json').end(reply));
    } catch (error) {
      const refusal = refusalOf(error);
      const retry = refusal.retry_after_ms;
      res.cork(() => {
        res.writeStatus(`${statusOf[refusal.code] ?? 500} refused`);
        if (retry !== undefined) res.writeHeader('retry-after', String(retry / 1000));
        res.writeHeader('content-type', 'application/problem+json').end(JSON.stringify(refusal));
      });
    }
  }

  const app = App()
    .ws<object>('/ws', {
      maxPayloadLength: 1024 * 1024,
      open(ws) {
        const peer = createPeer(ws);
        byData.set(ws.getUserData(), peer);
        peers.push(peer);
      },
      message(ws, data) {
        const peer = byData.get(ws.getUserData());
        if (peer !== undefined) receive(peer, new TextDecoder().decode(data));
      },
      close(ws) {
        byData.get(ws.getUserData())?.ended();
      },
    })
    .post('/*', (res, req) => {
      const path = req.getUrl();
      let text = '';
      let aborted = false;
      res.onAborted(() => {
        aborted = true;
      });
      res.onData((chunk, last) => {
        text += new TextDecoder().decode(chunk);
        if (last && !aborted) rest(res, path, text);
      });
    });

  const listening = await new Promise<us_listen_socket>((resolve, reject) =>
    app.listen('127.0.0.1', 0, (socket) => (socket ? resolve(socket) : reject(new Error('no port')))),
  );
  const url = `http://127.0.0.1:${us_socket_local_port(listening)}`;
  return { ...server, url };
}

const statusOf: Partial<Record<string, number>> = {
  invalid: 400,
  unauthenticated: 401,
  not_found: 404,
  conflict: 409,
  rate_limited: 429,
  unavailable: 503,
  timeout: 504,
};

function createPeer(ws: UwsSocket<object>) {
  const frames: ReceivedFrame[] = [];
  let open = true;
  const raw = (text: string) => {
    if (open) ws.send(text);
  };
  const peer = {
    frames,
    muted: false,
    get open() {
      return open;
    },
    of: (type: RequestType) => frames.filter((frame) => frame.type === type),
    send: <T extends EventType>(type: T, fields: EventFields<T>) => raw(JSON.stringify({ type, ...fields })),
    raw,
    ok: (frame: ReceivedFrame, fields: object) => raw(encodeOk(frame.id, fields)),
    refuse: (frame: ReceivedFrame, refusal: Refusal, retryable?: boolean) =>
      raw(encodeError(frame.id, refusal, retryable)),
    mute() {
      peer.muted = true;
    },
    close(code: number, reason = '') {
      if (open) ws.end(code, reason);
    },
    cut() {
      if (open) ws.close();
    },
    ended() {
      open = false;
    },
  };
  return peer;
}
