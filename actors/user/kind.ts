import type { UserCommand } from '../../schemas/user/commands.ts';
import type { ActorKind } from '../runtime/kind.ts';
import { decideUser, type PresenceTimes, type SeenMark } from './rules.ts';
import { emptyUser, type UserState } from './state.ts';
import type { UserStore } from './store.ts';

/** Users as actors: open connections, and presence with a grace period. Soft state. */
export function userKind<Tx>(
  store: UserStore<Tx>,
  times: PresenceTimes,
): ActorKind<UserState, UserCommand, UserState, SeenMark, Tx> {
  return {
    name: 'user',
    journaled: false,
    load: async (id) => emptyUser(id, await store.lastSeen(id)),
    keys: () => [],
    needs: () => undefined,
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
