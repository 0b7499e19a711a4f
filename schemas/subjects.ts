/** Bus subjects. A gateway subscribes one while a local connection wants it, and maps it to one topic. */
export const subjects = {
  /** Frames for every connection of a user: private chats, `chat.new`, `chat.gone`. */
  user: (userId: string) => `user.${userId}`,
  /** Frames of a group or channel. */
  chat: (chatId: string) => `chat.${chatId}`,
  /** Presence of one user, for those who watch. */
  presence: (userId: string) => `presence.${userId}`,
  /** Logins that were revoked: every gateway listens. */
  revoked: 'logins.revoked',
  /** User actors may lack connections that are open: every gateway listens. */
  wanted: 'connections.wanted',
  /** Somebody may be hidden from others who saw them: every gateway listens. */
  privacy: 'users.privacy',
} as const;

/** One or more tokens of letters, digits, `-` and `_` with dots between: no wildcard, nothing that ends a line. */
const pattern = /^[\w-]+(?:\.[\w-]+)*$/;

/** May this be published on, and subscribed, on any bus? */
export function isSubject(subject: string): boolean {
  return pattern.test(subject);
}

/** Gives it back; throws where it is none. */
export function checkSubject(subject: string): string {
  if (!isSubject(subject)) throw new RangeError('not a bus subject: tokens of [A-Za-z0-9_-] and dots');
  return subject;
}

/** Says that logins are dead: their sockets close with 4003 and their access tokens stop working. */
export interface RevokedLogins {
  user_id: string;
  login_ids: string[];
}

/** A part of all revoked logins, in the order of their ids. */
export interface RevokedPage {
  /** Only logins after this one. */
  after?: string;
  /** Logins at the most. */
  limit?: number;
}

/** This user's presence may not be for this viewer any more, or not for all who watch. */
export interface PrivacyNote {
  /** Absent: notes may be lost, nobody knows whose, and all watches are to be looked at again. */
  user_id?: string;
  viewer_id?: string;
}

/** Asks for open connections to be announced (`connect`) to their user actors again. */
export interface WantedConnections {
  /** One wish may be published several times. */
  id: string;
  /** Those of users in these shards: their actors have begun anew, on another node or the same. */
  shards?: number[];
  /** All of this gateway: it was believed to be gone. */
  gateway?: string;
}
