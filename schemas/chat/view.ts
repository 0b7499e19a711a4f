import type { UserShort } from '../common.ts';
import type { ChatFacts } from './events.ts';
import type { Chat, Role } from './wire.ts';

/** What of a chat depends on who looks, and when. */
export interface Viewpoint {
  head: number;
  members_count: number;
  role: Role;
  peer?: UserShort | undefined;
}

/** A chat as one of its members sees it. Only groups can have a public name. */
export function chatView(id: string, facts: ChatFacts, { head, members_count, role, peer }: Viewpoint): Chat {
  const { number, type, title, about, username, created_by, created_at } = facts;
  return {
    id,
    number,
    type,
    title,
    about,
    photo: null,
    created_by,
    created_at,
    head,
    members_count,
    ...(type !== 'private' && { username }),
    role,
    ...(peer !== undefined && { peer }),
  };
}
