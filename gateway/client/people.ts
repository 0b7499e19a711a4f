import type { OwnProfile, Profile } from '../../schemas/user/profile.ts';
import type { AskAsUser } from './ask-as-user.ts';

export type Person = Profile;

/** Users, over REST, with the client's own tokens. Each rejects with a ClientError. */
export interface People {
  me(): Promise<OwnProfile>;
  /** By id or username. */
  user(idOrName: string): Promise<Person>;
  /** By the beginning of a name, or one much like it; best first, 20 a page. */
  searchUsers(text: string, cursor?: string): Promise<{ items: Person[]; next_cursor: string | null }>;
  /** Ends the login, on the server too: the client then ends with `signed_out`. */
  logout(): Promise<void>;
}

export function createPeople(ask: AskAsUser): People {
  const get = async <T>(path: string) => (await ask<T>({ method: 'GET', path })).body;
  return {
    me: () => get('/me'),
    user: (idOrName) => get(`/api/v1/users/${encodeURIComponent(idOrName)}`),
    searchUsers(search, cursor) {
      const query = new URLSearchParams({ search, ...(cursor !== undefined && { cursor }) });
      return get(`/api/v1/users?${query}`);
    },
    logout: async () => void (await ask({ method: 'POST', path: '/api/v1/auth/logout' })),
  };
}
