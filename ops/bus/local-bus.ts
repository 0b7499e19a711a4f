import type { Bus, Envelope } from './bus.ts';

/**
 * The bus of a single process: handlers run at once, in the order they subscribed. One that throws is a bug
 * of its own; neither the publisher nor the other handlers feel it.
 */
export function createLocalBus(): Bus {
  const subscribers = new Map<string, Set<(envelope: Envelope) => void>>();
  return {
    publish(subject, envelope) {
      const handlers = subscribers.get(subject);
      if (handlers === undefined) return;
      // Who subscribes meanwhile hears from the next one on; most subjects have one handler.
      const now = handlers.size === 1 ? handlers : [...handlers];
      for (const handler of now) {
        try {
          handler(envelope);
        } catch (error) {
          queueMicrotask(() => {
            throw error;
          });
        }
        if (now === handlers) return;
      }
    },
    subscribe(subject, handler) {
      const own = (envelope: Envelope) => handler(envelope);
      const handlers = subscribers.get(subject) ?? new Set();
      subscribers.set(subject, handlers.add(own));
      return () => {
        handlers.delete(own);
        if (handlers.size === 0 && subscribers.get(subject) === handlers) subscribers.delete(subject);
      };
    },
    async settled() {},
    async close() {
      subscribers.clear();
    },
  };
}
