import type { Actors, AskOptions, Result } from '../actors/client/ask.ts';
import { refusalOf, SuhbatError } from '../schemas/errors.ts';
import type { Presence } from '../schemas/frames/server.ts';
import type { UserCommand } from '../schemas/user/commands.ts';

const get: UserCommand = { type: 'presence.get' };

/** One user's presence. Throws what the user actor refuses. */
export function presenceOf(actors: Actors, userId: string, options: AskOptions): Promise<Presence> {
  return actors.one<Presence>('user', userId, get, options);
}

/**
 * Presence of several users, in the order asked, each once: one call per owner for those in memory, one
 * each for the others. Presence degrades: who cannot be asked now counts as offline.
 */
export async function presenceOfAll(
  actors: Actors,
  userIds: readonly string[],
  options: AskOptions,
): Promise<Presence[]> {
  const found = await askAll(actors, userIds, options);
  return found.map(({ id, result }) => shown(id, result));
}

/** The same without those who cannot be asked now. */
export async function presenceOfSome(actors: Actors, userIds: readonly string[]): Promise<Presence[]> {
  const found = await askAll(actors, userIds);
  return found.flatMap(({ result }) => ('reply' in result ? [result.reply as Presence] : []));
}

async function askAll(
  actors: Actors,
  userIds: readonly string[],
  options?: AskOptions,
): Promise<{ id: string; result: Result }[]> {
  const ids = [...new Set(userIds)];
  if (ids.length === 0) return [];
  const hot = await actors.peek('user', ids, get, options);
  return Promise.all(
    ids.map(async (id) => ({ id, result: hot.get(id) ?? (await ask(actors, id, options)) })),
  );
}

async function ask(actors: Actors, id: string, options?: AskOptions): Promise<Result> {
  const [result] = await actors.ask('user', id, [get], options);
  return result ?? { refusal: refusalOf(undefined) };
}

function shown(user_id: string, result: Result): Presence {
  return 'reply' in result ? (result.reply as Presence) : { user_id, online: false, last_seen_at: null };
}

/** Tells a user actor something that presence can do without. False: it was refused. */
export async function tellUser(
  actors: Actors,
  userId: string,
  command: UserCommand,
  options: AskOptions,
): Promise<boolean> {
  try {
    await actors.one('user', userId, command, options);
    return true;
  } catch (error) {
    if (error instanceof SuhbatError) return false;
    throw error;
  }
}
