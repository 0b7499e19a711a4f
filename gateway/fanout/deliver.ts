import type { TemplatedApp } from 'uWebSockets.js';
import type { Heard } from '../../ops/bus/bus.ts';
import type { Metrics } from '../../ops/telemetry/metrics.ts';
import type { EventStreams } from '../events/streams.ts';
import type { Connection } from '../websocket/connection.ts';

/** Hands an envelope's frame to all sockets and streams of a topic. `sockets`: those that may be subscribed to it. */
export type Deliver = (topic: string, envelope: Heard, sockets: Iterable<Connection>) => void;

/**
 * One native publish: encoded once, written together with what else the socket gets in this turn. A socket
 * whose buffer is over its limit is ended by uWebSockets. Droppable frames must not queue where a socket
 * is slow, and a publish cannot tell; so their sockets are looked at first, and only where one is behind
 * are they sent one by one, without that one.
 */
export function createDeliver(app: TemplatedApp, streams: EventStreams, metrics: Metrics): Deliver {
  const durable = metrics.fanoutPublishes.labels('durable');
  const droppable = metrics.fanoutPublishes.labels('droppable');

  function publish(topic: string, frame: Heard['frame']): void {
    app.publish(topic, frame);
    streams.publish(topic, frame);
  }

  return (topic, envelope, sockets) => {
    if (envelope.frame.length === 0) return;
    if (!envelope.droppable) {
      durable.inc();
      publish(topic, envelope.frame);
      return;
    }
    droppable.inc();
    const ready = [...sockets].filter((connection) => connection.state === 'ready');
    const quick = ready.filter((connection) => connection.ws?.getBufferedAmount() === 0);
    if (quick.length === ready.length) {
      publish(topic, envelope.frame);
      return;
    }
    metrics.fanoutDropped.inc(ready.length - quick.length);
    const text = envelope.frame.toString();
    for (const connection of quick) connection.ws?.send(text);
  };
}
