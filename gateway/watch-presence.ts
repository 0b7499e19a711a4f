import { type Actors, askOptionsOf } from '../actors/client/ask.ts';
import type { Call, CallMeta } from '../ops/broker/call.ts';
import type { Presence } from '../schemas/frames/server.ts';
import type { Fanout } from './fanout/fanout.ts';
import { type Hiding, hiddenAmong, withHidden } from './hidden-presence.ts';
import { presenceOfAll } from './presence.ts';
import type { Connection } from './websocket/connection.ts';

export interface WatchingParts {
  call: Call;
  actors: Actors;
  fanout: Pick<Fanout, 'watch'>;
  hiding: Pick<Hiding, 'changes'>;
}

/** Replaces the list of users whom a connection watches, and tells how they are. Throws what the calls throw. */
export type WatchPresence = (
  connection: Connection,
  userIds: readonly string[],
  meta: CallMeta,
) => Promise<{ users: Presence[] }>;

/** Where people hide or block all the time, the last answer counts, and the notes that follow it. */
const watchTries = 3;

export function createWatchPresence({ call, actors, fanout, hiding }: WatchingParts): WatchPresence {
  /** The number of the list that stands for each connection. One that was asked before, and waited longer, is only told. */
  const standing = new WeakMap<Connection, number>();
  let asked = 0;

  /** Subscribed first, read then: nothing falls between. Nor does somebody who hides meanwhile. */
  return async (connection, userIds, meta) => {
    const own = ++asked;
    for (let tries = 1; ; tries++) {
      const { changes } = hiding;
      const hidden = await hiddenAmong(call, userIds, meta);
      const shown = userIds.filter((id) => !hidden.has(id));
      if (own >= (standing.get(connection) ?? 0)) {
        standing.set(connection, own);
        await fanout.watch(connection, shown);
      }
      if (changes !== hiding.changes && tries < watchTries) continue;
      const found = await presenceOfAll(actors, shown, askOptionsOf(meta));
      return { users: withHidden(userIds, hidden, found) };
    }
  };
}
