import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server, type ServerOptions } from 'socket.io';
import { guestOf, Heads, isSent, messageOf, type Sent, sayReady } from './plain.ts';

export interface Ways {
  /** Comes before ack and delivery. */
  keep?(sent: Sent, seq: number, sender: string): Promise<unknown>;
  /** The next number of a chat, where one process cannot know it. */
  number?(chat: string): Promise<number>;
  adapter?: ServerOptions['adapter'];
}

/** Socket.IO as its documents show a chat: rooms, acks, WebSocket only. */
export function serveSocketIo({ keep, number, adapter }: Ways = {}): void {
  const heads = new Heads();
  const http = createServer();
  const options = { ...(adapter === undefined ? {} : { adapter }) };
  new Server(http, { transports: ['websocket'], serveClient: false, ...options }).on(
    'connection',
    (socket) => {
      const io = socket.nsp;
      const guest = guestOf(socket.request.url?.split('?')[1] ?? '');
      void socket.join(guest.rooms);
      socket.on('message.send', async (body: object, ack: (reply: object) => void) => {
        const sent: unknown = { id: '', ...body };
        if (!isSent(sent)) return;
        const seq = number === undefined ? heads.next(sent.chat_id) : await number(sent.chat_id);
        const at = new Date().toISOString();
        await keep?.(sent, seq, guest.user);
        ack({ chat_id: sent.chat_id, seq, created_at: at });
        io.to(sent.chat_id).emit('message.new', messageOf(sent, seq, guest.user, at));
      });
    },
  );
  http.listen(0, '127.0.0.1', () => sayReady((http.address() as AddressInfo).port));
}
