import type { OwnProfile, Profile } from '../../schemas/user/profile.ts';
import { asClientError } from './client-error.ts';
import type { Rest } from './rest.ts';
import type { TokenKeeper } from './tokens.ts';

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

export function createPeople(rest: Rest, tokens: TokenKeeper): People {
  async function ask<T>(method: string, path: string): Promise<T> {
    const token = await tokens.access();
    try {
      return await rest.as<T>(token, method, path);
    } catch (thrown) {
      if (asClientError(thrown).code !== 'unauthenticated') throw thrown;
      tokens.spent(token);
      return rest.as<T>(await tokens.access(), method, path);
    }
  }

  return {
    me: () => ask('GET', '/me'),
    user: (idOrName) => ask('GET', `/api/v1/users/${encodeURIComponent(idOrName)}`),
    searchUsers(search, cursor) {
      const query = new URLSearchParams({ search, ...(cursor !== undefined && { cursor }) });
      return ask('GET', `/api/v1/users?${query}`);
    },
    logout: () => ask('POST', '/api/v1/auth/logout'),
  };
}
