import Type, { type Static } from 'typebox';
import { Nullable, Strict, Time, UserIds } from '../common.ts';
import { Presence } from '../frames/server.ts';

/** Bodies and answers of the presence routes. */

export const UserPresence = Type.Object({ online: Type.Boolean(), last_seen_at: Nullable(Time) });
export type UserPresence = Static<typeof UserPresence>;

export const PresenceBody = Strict({ user_ids: UserIds });
export type PresenceBody = Static<typeof PresenceBody>;

export const PresenceList = Type.Object({ users: Type.Array(Presence) });
export type PresenceList = Static<typeof PresenceList>;
