import { fail } from '../../schemas/errors.ts';

/** Names that are or may become paths of the API, or that could pass for the house itself. */
const reserved = new Set([
  'about',
  'admin',
  'administrator',
  'api',
  'auth',
  'contacts',
  'deleted',
  'events',
  'everyone',
  'follow',
  'followers',
  'followings',
  'help',
  'login',
  'logout',
  'match',
  'me',
  'media',
  'moderator',
  'notifications',
  'null',
  'official',
  'presence',
  'profile',
  'register',
  'root',
  'search',
  'security',
  'settings',
  'suhbat',
  'support',
  'system',
  'undefined',
  'unfollow',
  'uploads',
  'users',
]);

/** `user<number>` is what users are called who came without choosing a name. */
const numbered = /^user\d+$/;

/** May nobody choose this name? */
export function isReserved(username: string): boolean {
  const name = username.toLowerCase();
  return reserved.has(name) || numbered.test(name);
}

export function usernameReserved() {
  return fail('unprocessable', { reason: 'username_reserved', detail: 'This username is reserved' });
}

export function usernameTaken() {
  return fail('conflict', { reason: 'username_taken', detail: 'This username belongs to somebody' });
}
