import type { WebSocketBehavior } from 'uWebSockets.js';
import { type Guest, guestOf } from './plain.ts';

/** How a peer on uWebSockets.js lets somebody in. A client that does not read may be this far behind, in bytes. */
export const letIn: Pick<WebSocketBehavior<Guest>, 'maxBackpressure' | 'upgrade'> = {
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
};
