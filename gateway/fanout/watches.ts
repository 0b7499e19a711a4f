import type { Bus } from '../../ops/bus/bus.ts';
import { subjects } from '../../schemas/subjects.ts';
import type { Connection } from '../websocket/connection.ts';
import type { Deliver } from './deliver.ts';

/** Whose presence local connections watch: one subject and one topic per watched user, counted. */
export interface Watches {
  /** The connection watches these users and no others. */
  replace(connection: Connection, userIds: readonly string[]): void;
  /** Those who watch this user. */
  watchers(userId: string): Iterable<Connection>;
  /** The connection watches this user no more. */
  end(connection: Connection, userId: string): void;
  leave(connection: Connection): void;
  size(): number;
  close(): void;
}

interface Watch {
  watchers: Set<Connection>;
  unsubscribe: () => void;
}

export function createWatches(bus: Bus, deliver: Deliver): Watches {
  const watches = new Map<string, Watch>();

  function begin(connection: Connection, userId: string): void {
    const topic = subjects.presence(userId);
    let watch = watches.get(userId);
    if (watch === undefined) {
      const watchers = new Set<Connection>();
      const unsubscribe = bus.subscribe(topic, (envelope) => deliver(topic, envelope, watchers));
      watch = { watchers, unsubscribe };
      watches.set(userId, watch);
    }
    watch.watchers.add(connection);
    connection.ws?.subscribe(topic);
  }

  function end(connection: Connection, userId: string): void {
    const watch = watches.get(userId);
    if (watch === undefined) return;
    watch.watchers.delete(connection);
    if (connection.state !== 'closing') connection.ws?.unsubscribe(subjects.presence(userId));
    if (watch.watchers.size > 0) return;
    watch.unsubscribe();
    watches.delete(userId);
  }

  return {
    replace(connection, userIds) {
      if (connection.state === 'closing') return;
      const next = new Set(userIds);
      const before = connection.watched;
      connection.watched = next.size > 0 ? next : undefined;
      for (const userId of before ?? []) if (!next.has(userId)) end(connection, userId);
      for (const userId of next) if (!before?.has(userId)) begin(connection, userId);
    },
    watchers: (userId) => watches.get(userId)?.watchers ?? [],
    end(connection, userId) {
      if (!connection.watched?.has(userId)) return;
      const left = new Set(connection.watched);
      left.delete(userId);
      connection.watched = left.size > 0 ? left : undefined;
      end(connection, userId);
    },
    leave(connection) {
      for (const userId of connection.watched ?? []) end(connection, userId);
      connection.watched = undefined;
    },
    size: () => watches.size,
    close() {
      for (const { unsubscribe } of watches.values()) unsubscribe();
      watches.clear();
    },
  };
}
