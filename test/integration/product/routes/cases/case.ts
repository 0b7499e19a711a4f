import type { Role } from '../../../../../schemas/roles.ts';
import type { Scene } from '../../frames/cases.ts';

/** A request, but for its method and token. */
export interface Asked {
  path: string;
  body?: Record<string, unknown>;
  /** Instead of it: bytes, with their headers. */
  raw?: Uint8Array<ArrayBuffer>;
  headers?: Record<string, string>;
}

/** One row per route: a request that is good when it is the owner's. */
export interface RouteCase {
  good(scene: Scene): Asked | Promise<Asked>;
  status: number;
  /** A route about a chat is 404 to whoever is not in that chat. */
  about: 'a chat' | 'oneself' | 'anybody';
  /** What the schema of the answer does not say. */
  answers?(body: never, scene: Scene): void;
  /** The roles that may ask it, an admin among them; the good request is an admin's. */
  roles?: readonly Role[];
  /** Ends the login that asks: nothing more may be asked with its token. */
  ends?: true;
}

export type Cases = Readonly<Record<string, RouteCase>>;

export const at = (path: string, body?: () => Record<string, unknown>) => (): Asked => ({
  path,
  ...(body && { body: body() }),
});

export const open = { status: 200, about: 'anybody' } as const;
export const own = { status: 200, about: 'oneself' } as const;
