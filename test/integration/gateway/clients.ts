import { newId } from '../../../schemas/ids.ts';
import { until } from '../../support/until.ts';
import type { GatewayTest } from './support.ts';

/** WebSocket clients of a gateway under test. */

export interface Frame {
  [field: string]: unknown;
  type?: string;
  re?: string;
}

export interface Client {
  ws: WebSocket;
  frames: Frame[];
  closed: { code: number; reason: string } | undefined;
  send(frame: object | string): void;
  /** The reply to this request, or the first frame of this type. */
  reply(id: string): Promise<Frame>;
  event(type: string): Promise<Frame>;
  request(frame: Frame): Promise<Frame>;
  end(): Promise<{ code: number; reason: string }>;
}

const open = new Set<WebSocket>();

export async function connect(
  test: GatewayTest,
  how: { token?: string; query?: string; origin?: string; traceparent?: string; protocols?: string[] } = {},
): Promise<Client> {
  const headers = {
    ...(how.token !== undefined && { authorization: `Bearer ${how.token}` }),
    ...(how.origin !== undefined && { origin: how.origin }),
    ...(how.traceparent !== undefined && { traceparent: how.traceparent }),
  };
  // Node's WebSocket takes headers, which browsers' and the types do not.
  const ws = new WebSocket(`ws://127.0.0.1:${test.port}/ws${how.query ?? ''}`, {
    headers,
    protocols: how.protocols ?? [],
  } as never);
  open.add(ws);
  const client: Client = {
    ws,
    frames: [],
    closed: undefined,
    send: (frame) => ws.send(typeof frame === 'string' ? frame : JSON.stringify(frame)),
    reply: (id) => until(`reply ${id}`, () => client.frames.find((frame) => frame.re === id)),
    event: (type) => until(`event ${type}`, () => client.frames.find((frame) => frame.type === type)),
    request(frame) {
      client.send(frame);
      return client.reply(String(frame.id));
    },
    end: () => until('the close', () => client.closed),
  };
  ws.onmessage = ({ data }) => client.frames.push(JSON.parse(String(data)) as Frame);
  ws.onclose = ({ code, reason }) => {
    open.delete(ws);
    client.closed = { code, reason };
  };
  await new Promise((resolve, reject) => {
    ws.onopen = resolve;
    ws.onerror = () => reject(new Error('the socket did not open'));
  });
  ws.onerror = () => {};
  return client;
}

/** A client that is ready. */
export async function connectReady(test: GatewayTest, userId: string, loginId?: string): Promise<Client> {
  const client = await connect(test, { token: test.token(userId, loginId) });
  await client.event('ready');
  return client;
}

/** A message to send; its text is the id of the request. */
export function messageFrame(id: string, more: Frame): Frame {
  return { id, type: 'message.send', client_id: newId(), kind: 'text', text: id, ...more };
}

/** The texts of the frames that it has heard. */
export function texts({ frames }: Client): unknown[] {
  return frames.flatMap(({ text }) => (text === undefined ? [] : [text]));
}

export function heard(client: Client, text: string): Promise<true> {
  return until(`hearing ${text}`, () => texts(client).includes(text));
}

/** The chats of which it was told to fetch; undefined: all of them. */
export function resyncs({ frames }: Client): unknown[] {
  return frames.filter(({ type }) => type === 'resync').map(({ chat_id }) => chat_id);
}

export function resynced(client: Client, chatId?: string): Promise<true> {
  return until(`resync ${chatId}`, () => resyncs(client).includes(chatId));
}

export function closeClients(): void {
  for (const ws of open) ws.close();
  open.clear();
}
