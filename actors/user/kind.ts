import type { UserCommand } from '../../schemas/user/commands.ts';
import type { ActorKind } from '../runtime/kind.ts';
import { decideUser, type PresenceTimes, type SeenMark } from './rules.ts';
import { emptyUser, type UserState } from './state.ts';
import type { UserStore } from './store.ts';

/**
 * Users as actors: open connections, and presence with a grace period. Soft state. `settling`: while this user's
 * shard is new here, until gateways have announced their connections. Whether somebody is offline is answered
 * after that: those who asked while the shard had no owner come first, and would all be told that he is.
 */
export function userKind<Tx>(
  store: UserStore<Tx>,
  times: PresenceTimes,
  settling: (id: string) => Promise<void> | undefined = () => undefined,
): ActorKind<UserState, UserCommand, UserState, SeenMark, Tx> {
  return {
    name: 'user',
    journaled: false,
    load: async (id) => emptyUser(id, await store.lastSeen(id)),
    keys: () => [],
    needs(state, { type }) {
      const settled = type === 'presence.get' && !state.online ? settling(state.id) : undefined;
      return settled && (() => settled.then(() => () => {}));
    },
    decide: (state, command, now) => decideUser(state, command, now, times),
    evolve: (_state, next) => next,
    frames: () => [],
    markKey: () => 'seen',
    project: (tx, { marks }) => store.writeSeen(tx, marks),
    bury: async () => true,
    flushed: () => {},
    idle: (state) => !state.online,
  };
}
