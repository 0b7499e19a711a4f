import type { ClientSpec } from './jobs.ts';

/** What a frame of the server is to the driver. */
export type Heard =
  | { is: 'ready' | 'synced' | 'delivery' | 'other' }
  | { is: 'ack'; id: number }
  | { is: 'refusal'; id: number }
  /** What must be answered at once, with this. */
  | { is: 'call'; answer: string };

/** How one server is spoken to. The work is the same for all: 1 message in, 1 ack, a delivery to every member. */
export interface Dialect {
  path(client: ClientSpec): string;
  headers(client: ClientSpec): string;
  send(id: number, room: string, clientId: string, text: string): string;
  /** Asks for what a client that comes back wants; undefined where the server has no such thing. */
  sync?: string;
  hear(bytes: Buffer, from: number, to: number): Heard;
}

export type DialectName = 'suhbat' | 'plain' | 'socket.io';

const delivery: Heard = { is: 'delivery' };
const other: Heard = { is: 'other' };
const ready: Heard = { is: 'ready' };
const synced: Heard = { is: 'synced' };
const syncId = 's';

/** The digits from here on, and where they end. */
function digits(bytes: Buffer, at: number): { value: number; end: number } {
  let value = 0;
  let end = at;
  for (; ; end++) {
    const digit = (bytes[end] ?? 0) - 48;
    if (digit < 0 || digit > 9) return { value, end };
    value = value * 10 + digit;
  }
}

const char = (letter: string) => letter.charCodeAt(0);

/** `{"re":"12","type":"ok"…`, `{"type":"message.new"…`: told apart by single bytes, at fixed places. */
function hearJson(bytes: Buffer, from: number): Heard {
  if (bytes[from + 2] === char('r')) {
    if (bytes[from + 7] === char(syncId)) return synced;
    const { value: id, end } = digits(bytes, from + 7);
    return bytes[end + 10] === char('o') ? { is: 'ack', id } : { is: 'refusal', id };
  }
  const first = bytes[from + 9];
  if (first === char('m')) return bytes[from + 17] === char('n') ? delivery : other;
  return first === char('r') && bytes[from + 11] === char('a') ? ready : other;
}

const messageFrame = (id: number, room: string, clientId: string, text: string) =>
  `{"id":"${id}","type":"message.send","chat_id":"${room}","client_id":"${clientId}","kind":"text","text":"${text}"}`;

const query = ({ user, rooms }: ClientSpec) =>
  new URLSearchParams([['user', user], ...rooms.map((room) => ['room', room])]).toString();

export const dialects: Record<DialectName, Dialect> = {
  suhbat: {
    path: () => '/ws',
    headers: ({ token }) => `Authorization: Bearer ${token}\r\n`,
    send: messageFrame,
    sync: `{"id":"${syncId}","type":"sync"}`,
    hear: hearJson,
  },
  /** The frames of Suhbat, on servers that believe who one says one is. */
  plain: {
    path: (client) => `/ws?${query(client)}`,
    headers: () => '',
    send: messageFrame,
    hear: hearJson,
  },
  /** Engine.IO 4 and Socket.IO 5: https://socket.io/docs/v4/socket-io-protocol */
  'socket.io': {
    path: (client) => `/socket.io/?EIO=4&transport=websocket&${query(client)}`,
    headers: () => '',
    send: (id, room, clientId, text) =>
      `42${id}["message.send",{"chat_id":"${room}","client_id":"${clientId}","kind":"text","text":"${text}"}]`,
    hear(bytes, from) {
      const [packet, kind] = [bytes[from], bytes[from + 1]];
      if (packet === char('0')) return { is: 'call', answer: '40' };
      if (packet === char('2')) return { is: 'call', answer: '3' };
      if (packet !== char('4')) return other;
      if (kind === char('0')) return ready;
      if (kind === char('3')) return { is: 'ack', id: digits(bytes, from + 2).value };
      return kind === char('2') ? delivery : other;
    },
  },
};
