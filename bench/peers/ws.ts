import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { guestOf, Heads, isSent, messageOf, sayReady } from './plain.ts';

/** `ws` with rooms of our own, nothing kept: what a team writes in an afternoon. The frame is made once a message. */

const rooms = new Map<string, Set<WebSocket>>();
const heads = new Heads();
const http = createServer();
new WebSocketServer({ server: http }).on('connection', (socket, request) => {
  const guest = guestOf(request.url?.split('?')[1] ?? '');
  for (const room of guest.rooms) {
    const members = rooms.get(room) ?? new Set();
    rooms.set(room, members.add(socket));
  }
  socket.on('close', () => {
    for (const room of guest.rooms) rooms.get(room)?.delete(socket);
  });
  socket.on('message', (bytes) => {
    const sent: unknown = JSON.parse(String(bytes));
    if (!isSent(sent)) return;
    const seq = heads.next(sent.chat_id);
    const at = new Date().toISOString();
    socket.send(JSON.stringify({ re: sent.id, type: 'ok', chat_id: sent.chat_id, seq, created_at: at }));
    const frame = Buffer.from(JSON.stringify(messageOf(sent, seq, guest.user, at)));
    for (const member of rooms.get(sent.chat_id) ?? []) member.send(frame, { binary: false });
  });
  socket.send('{"type":"ready"}');
});
http.listen(0, '127.0.0.1', () => sayReady((http.address() as AddressInfo).port));
