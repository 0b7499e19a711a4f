import { App, type us_listen_socket, us_socket_local_port, type WebSocket } from 'uWebSockets.js';
import { fdatasync, openSync, write } from 'node:fs';
import { type Guest, Heads, isSent, messageOf, sayReady } from './plain.ts';
import { letIn } from './uws-guest.ts';

/**
 * The floor of a durable chat: parse, validate, number, write what came together with one fdatasync, ack, publish.
 * With no product around it: no rights, no repeats told apart, no history, nothing that survives a restart but the file.
 */

interface Waiting {
  ws: WebSocket<Guest>;
  room: string;
  ack: string;
  frame: string;
}

const app = App();
const heads = new Heads();
const open = new Set<WebSocket<Guest>>();
const file = openSync(process.env.BENCH_LOG ?? 'floor.journal', 'a');
let waiting: Waiting[] = [];
let writing = false;

function commit(): void {
  if (writing || waiting.length === 0) return;
  writing = true;
  const batch = waiting;
  waiting = [];
  const bytes = Buffer.from(batch.map(({ frame }) => frame).join('\n'));
  write(file, bytes, 0, bytes.length, null, (error) => {
    if (error !== null) throw error;
    fdatasync(file, (failed) => {
      if (failed !== null) throw failed;
      writing = false;
      for (const { room, frame } of batch) app.publish(room, frame);
      // Corked, an ack goes with what was published to its socket in one write.
      for (const { ws, ack } of batch) if (open.has(ws)) ws.cork(() => ws.send(ack));
      commit();
    });
  });
}

app.ws<Guest>('/ws', {
  ...letIn,
  open(ws) {
    open.add(ws);
    for (const room of ws.getUserData().rooms) ws.subscribe(room);
    ws.send('{"type":"ready"}');
  },
  close(ws) {
    open.delete(ws);
  },
  message(ws, bytes) {
    const sent: unknown = JSON.parse(Buffer.from(bytes).toString());
    if (!isSent(sent)) return;
    const seq = heads.next(sent.chat_id);
    const at = new Date().toISOString();
    waiting.push({
      ws,
      room: sent.chat_id,
      ack: JSON.stringify({ re: sent.id, type: 'ok', chat_id: sent.chat_id, seq, created_at: at }),
      frame: JSON.stringify(messageOf(sent, seq, ws.getUserData().user, at)),
    });
    if (waiting.length === 1) setImmediate(commit);
  },
});
app.listen('127.0.0.1', 0, (socket: us_listen_socket | false) => {
  if (socket !== false) sayReady(us_socket_local_port(socket));
});
