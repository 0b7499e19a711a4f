import { expect } from 'chai';
import type { Client, ClientEvents, ConnectOptions, Message } from 'suhbat/client';
import { connect } from 'suhbat/client';
import { newId } from '../../../schemas/ids.ts';
import { type Peer, type ScriptedServer, startScriptedServer } from '../../support/scripted-server.ts';
import { until } from '../../support/until.ts';
import { type TestPlatform, testPlatform } from './platform.ts';

/** A scripted server and clients of it, for each test anew. */
export interface Scene {
  readonly server: ScriptedServer;
  readonly platform: TestPlatform;
  client(options?: Partial<ConnectOptions>): Client;
  /** The same, connected and caught up, with the server's end of its connection. */
  connected(options?: Partial<ConnectOptions>): Promise<{ client: Client; peer: Peer }>;
  /** Moves the time until the n-th connection (from 1) is there. */
  connection(client: Client, n: number): Promise<Peer>;
  /** The same, and the client has caught up on it. */
  reconnected(client: Client, n: number): Promise<Peer>;
}

/** `serverSkewMs`: how far the server's clock is ahead of the client's. */
export function useScene({ serverSkewMs = 0 } = {}): Scene {
  let server: ScriptedServer;
  let platform: TestPlatform;
  let clients: Client[] = [];

  beforeEach(async () => {
    platform = testPlatform();
    server = await startScriptedServer(() => platform.now() + serverSkewMs);
    server.post('/api/v1/auth/refresh', () => tokensAnswer());
  });

  afterEach(() => {
    for (const client of clients) client.close();
    clients = [];
    server.close();
    expect(server.breaches).to.deep.equal([]);
    expect(platform.waits(), 'timers left after close').to.deep.equal([]);
  });

  const scene: Scene = {
    get server() {
      return server;
    },
    get platform() {
      return platform;
    },
    client(options = {}) {
      const client = connect({
        url: server.url,
        tokens: { access_token: 'access 0', refresh_token: 'refresh 0' },
        platform,
        ...options,
      });
      clients.push(client);
      return client;
    },
    async connected(options) {
      const client = scene.client(options);
      await client.synced();
      return { client, peer: server.peers.at(-1) as Peer };
    },
    async connection(client, n) {
      await until(`the client to wait or go on, for connection ${n}`, () => client.status !== 'ready');
      // Timer by timer: the new connection must not run out of time before its socket has had any.
      while (client.status === 'waiting') await platform.clock.advance(platform.waits()[0] ?? 0);
      return server.connection(n);
    },
    async reconnected(client, n) {
      const peer = await scene.connection(client, n);
      await client.synced();
      return peer;
    },
  };
  return scene;
}

let pairs = 0;
export function tokensAnswer(expires_in = 900) {
  pairs++;
  return {
    access_token: `access ${pairs}`,
    token_type: 'Bearer',
    expires_in,
    refresh_token: `refresh ${pairs}`,
    refresh_expires_in: 604_800,
    user: { id: newId(), username: 'anna' },
  };
}

export const chatId = '01900000-0000-7000-8000-00000000000c';
export const otherChatId = '01900000-0000-7000-8000-00000000000d';
const senderId = '01900000-0000-7000-8000-00000000000a';

/** Message `seq`; changed at `changed_seq` where that is given. */
export function message(seq: number, changed_seq = seq, more: Partial<Message> = {}): Message {
  const changed = changed_seq > seq;
  return {
    chat_id: chatId,
    seq,
    sender_id: senderId,
    kind: 'text',
    text: changed ? `message ${seq}, changed at ${changed_seq}` : `message ${seq}`,
    media: null,
    reply_to: null,
    service: null,
    client_id: null,
    created_at: '2026-01-01T00:00:00.000Z',
    edited_at: changed ? '2026-01-01T00:01:00.000Z' : null,
    deleted_at: null,
    changed_seq,
    reactions: [],
    ...more,
  };
}

export function chat(id = chatId, head = 0, type: 'group' | 'private' = 'group') {
  return {
    id,
    number: 1,
    type,
    title: 'A chat',
    about: null,
    photo: null,
    created_by: senderId,
    created_at: '2026-01-01T00:00:00.000Z',
    head,
    members_count: 2,
    role: 'member' as const,
  };
}

/** A row of `sync`. */
export function entry(head: number, { id = chatId, read = 0, type = 'group' as 'group' | 'private' } = {}) {
  return { chat: chat(id, head, type), head, read, unread: 0, last_message: null };
}

/** Answers `history {after}` from these messages, `size` a page, and says that the chat's head is `head`. */
export function serveHistory(
  server: ScriptedServer,
  all: () => Message[],
  { size = 200, head = () => Math.max(0, ...all().map((one) => one.changed_seq)) } = {},
) {
  server.answer('history', ({ chat_id, after = 0 }) => {
    const past = all()
      .filter((one) => one.chat_id === chat_id && one.changed_seq > after)
      .sort((a, b) => a.changed_seq - b.changed_seq);
    return { messages: past.slice(0, size), head: head(), has_more: past.length > size };
  });
}

/** What the client tells its application about the chats, in order: `message 3`, `changed 1@4`, `reset 9`. */
export function stream(client: Client): string[] {
  const told: string[] = [];
  client.on('message', ({ seq }) => told.push(`message ${seq}`));
  client.on('changed', ({ seq, changed_seq }) => told.push(`changed ${seq}@${changed_seq}`));
  client.on('reset', ({ head }) => told.push(`reset ${head}`));
  return told;
}

/** Every event of these names, in order. */
export function heard<K extends keyof ClientEvents>(client: Client, name: K): ClientEvents[K][] {
  const all: ClientEvents[K][] = [];
  client.on(name, (value) => all.push(value));
  return all;
}

/** What a promise rejects with. */
export function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => Promise.reject(new Error('It resolved.')),
    (error) => error,
  );
}
