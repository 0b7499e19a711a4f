import { App, type us_listen_socket, us_socket_local_port } from 'uWebSockets.js';
import { type Guest, guestOf, sayReady } from './plain.ts';

/**
 * The floor of fan-out and of REST: bytes come in, the same bytes go out to every member; nothing is read, numbered,
 * kept or answered. Who does more for a message cannot be cheaper.
 */

const head = Buffer.from('{"type":"message.new","was":');
const app = App();
app.ws<Guest>('/ws', {
  maxBackpressure: 16 * 1024 * 1024,
  upgrade(res, req, context) {
    res.upgrade(
      guestOf(req.getQuery()),
      req.getHeader('sec-websocket-key'),
      req.getHeader('sec-websocket-protocol'),
      req.getHeader('sec-websocket-extensions'),
      context,
    );
  },
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
