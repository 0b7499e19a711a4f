import type { Call, CallMeta } from '../ops/broker/call.ts';
import type { Bus } from '../ops/bus/bus.ts';
import { encodeEvent } from '../schemas/frames/codec.ts';
import type { Presence } from '../schemas/frames/server.ts';
import { type PrivacyNote, subjects } from '../schemas/subjects.ts';
import type { Connection } from './websocket/connection.ts';

/**
 * Whose presence is not for everybody: that of who hides it by their settings, or from whom a block parts. Nothing
 * tells them from users who are offline and never were seen.
 */

export function hiddenPresence(user_id: string): Presence {
  return { user_id, online: false, last_seen_at: null };
}

/** Those of these users who hide from the caller. Throws what the call throws: then nobody is shown. */
export async function hiddenAmong(
  call: Call,
  ids: readonly string[],
  meta: CallMeta,
): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set();
  return new Set(await call<string[]>('users.closed', { right: 'last_seen', ids }, meta));
}

/** With these in place of what is known of them; in the order of `ids`, each once. */
export function withHidden(
  ids: readonly string[],
  hidden: ReadonlySet<string>,
  shown: readonly Presence[],
): Presence[] {
  const found = new Map(shown.map((presence) => [presence.user_id, presence]));
  return [...new Set(ids)].map((id) => (hidden.has(id) ? undefined : found.get(id)) ?? hiddenPresence(id));
}

export interface HidingParts {
  bus: Pick<Bus, 'subscribe'>;
  call: Call;
  watches: {
    /** Who hears of this user here. */
    watchers(userId: string): Iterable<Connection>;
    end(connection: Connection, userId: string): void;
  };
  send(connection: Connection, frame: string): void;
  /** Of a call for nobody in particular. */
  meta(): CallMeta;
}

/** Ends watches of users who hide from now on. */
export interface Hiding {
  /** Grows with every note: where it has grown meanwhile, what was asked before may be wrong. */
  readonly changes: number;
  /** Looks again at all that this connection watches: after a loss on the bus, here or where notes come from. */
  review(connection: Connection, meta: CallMeta): Promise<void>;
  /** Ends all that this connection watches, where nobody can be asked. */
  hideAll(connection: Connection): void;
  close(): void;
}

/** Viewers asked about in one call. */
const portion = 500;

export function createHiding({ bus, call, watches, send, meta }: HidingParts): Hiding {
  let changes = 0;

  /** The client sees them go offline; they are shown again when they let it and the client watches anew. */
  function hide(connection: Connection, userId: string): void {
    watches.end(connection, userId);
    send(connection, encodeEvent('presence', hiddenPresence(userId)));
  }

  async function look(user_id: string, viewer_id: string | undefined): Promise<void> {
    const watching = [...watches.watchers(user_id)].filter(
      ({ user }) => user !== undefined && (viewer_id === undefined || user.id === viewer_id),
    );
    for (let from = 0; from < watching.length; from += portion) {
      const some = watching.slice(from, from + portion);
      const viewers = [...new Set(some.flatMap(({ user }) => user?.id ?? []))];
      // Who cannot be asked is taken to hide.
      const hides = await call<string[]>('users.hides_from', { id: user_id, viewers }, meta()).catch(
        () => viewers,
      );
      const closed = new Set(hides);
      for (const connection of some)
        if (connection.user !== undefined && closed.has(connection.user.id)) hide(connection, user_id);
    }
  }

  const unsubscribe = bus.subscribe(subjects.privacy, ({ note }) => {
    const { user_id, viewer_id } = note as PrivacyNote;
    changes++;
    // A note of nobody is for all watches: the recovery looks at them, at its pace.
    if (user_id !== undefined) void look(user_id, viewer_id);
  });

  return {
    get changes() {
      return changes;
    },
    async review(connection, of) {
      const watched = [...(connection.watched ?? [])];
      for (const id of await hiddenAmong(call, watched, of)) hide(connection, id);
    },
    hideAll(connection) {
      for (const id of [...(connection.watched ?? [])]) hide(connection, id);
    },
    close: unsubscribe,
  };
}
