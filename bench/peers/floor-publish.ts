import { App, type us_listen_socket, us_socket_local_port } from 'uWebSockets.js';
import { type Guest, sayReady } from './plain.ts';
import { letIn } from './uws-guest.ts';

/**
 * The floor of fan-out and of REST: bytes come in, and go out to every member in a frame as long as Suhbat's;
 * nothing is read, numbered, kept or answered. Who does more for a message cannot be cheaper.
 */

/** Bytes by which Suhbat's event is longer than the request that it came of: names, times, who and where. */
const longer = 190;

const head = Buffer.from(`{"type":"message.new","more":"${'x'.repeat(longer - 40)}","was":`);
const app = App();
app.ws<Guest>('/ws', {
  ...letIn,
  open(ws) {
    for (const room of ws.getUserData().rooms) ws.subscribe(room);
    ws.send('{"type":"ready"}');
  },
  message(ws, bytes) {
    const [room = ''] = ws.getUserData().rooms;
    // To everybody, the sender too: `ws.publish` would leave it out. In front, what makes it a delivery.
    app.publish(room, Buffer.concat([head, Buffer.from(bytes)]));
  },
});
app.get('/empty', (res) => {
  res.writeHeader('content-type', 'application/json');
  res.end('{"id":"0190","username":"bench","first_name":"Bench"}');
});
app.listen('127.0.0.1', 0, (socket: us_listen_socket | false) => {
  if (socket !== false) sayReady(us_socket_local_port(socket));
});
