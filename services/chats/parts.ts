import { type Actors, askOptionsOf, type Result } from '../../actors/client/ask.ts';
import type { Call, CallMeta } from '../../ops/broker/call.ts';
import type { Database } from '../../ops/connections/postgres.ts';
import type { ChatCommand } from '../../schemas/chat/commands.ts';
import type { UserShort } from '../../schemas/common.ts';
import { awaitsOperator, fail, SuhbatError } from '../../schemas/errors.ts';
import type { Right } from '../../schemas/user/profile.ts';
import type { ChatReads } from './chats.store.ts';
import type { MessageReads } from './messages.store.ts';

/** What the chats service is made of. */
export interface ChatsParts {
  db: Database;
  reads: ChatReads & MessageReads;
  actors: Actors;
  /** For the users service. */
  call: Call;
}

/**
 * Word for word what the owner says, so that no answer tells whether somebody else's chat is in memory: the
 * id of a private chat is known to whoever knows its two users.
 */
export function noChat(): SuhbatError {
  return fail('not_found', { reason: 'no_chat', detail: 'There is no such chat, or you are not in it' });
}

/** Who asks. The gateway has checked the access token; a call without one is refused. */
export function callerOf({ user_id }: CallMeta): string {
  if (user_id === undefined) throw fail('unauthenticated');
  return user_id;
}

/** One command to a chat's owner: its reply, or its refusal thrown. */
export function askChat<Reply>(
  { actors }: ChatsParts,
  id: string,
  command: ChatCommand,
  meta: CallMeta,
): Promise<Reply> {
  return actors.one<Reply>('chat', id, command, askOptionsOf(meta));
}

/** One read of a chat in memory; undefined where it is not, and SQL read from now on is the truth. */
export async function peekChat<Reply>(
  { actors }: ChatsParts,
  id: string,
  command: ChatCommand,
  meta: CallMeta,
): Promise<Reply | undefined> {
  const result = (await actors.peek('chat', [id], command, askOptionsOf(meta))).get(id);
  return result && replyOf<Reply>(result);
}

export interface Peeked<Reply> {
  /** Chats that are in memory. Of the others SQL, read from now on, is the truth. */
  hot: Map<string, Reply>;
  /** Chats that wait for an operator: SQL has the newest that anybody knows, and they must not hold up the rest. */
  waiting: ReadonlySet<string>;
}

/** The same of many, one call per owner. */
export async function peekChats<Reply>(
  { actors }: ChatsParts,
  ids: readonly string[],
  command: ChatCommand,
  meta: CallMeta,
): Promise<Peeked<Reply>> {
  const hot = new Map<string, Reply>();
  const waiting = new Set<string>();
  if (ids.length === 0) return { hot, waiting };
  const results = await actors.peek('chat', ids, command, askOptionsOf(meta));
  for (const id of ids) {
    const result = results.get(id);
    if (result === undefined) continue;
    if ('refusal' in result && awaitsOperator(result.refusal)) waiting.add(id);
    else hot.set(id, replyOf<Reply>(result));
  }
  return { hot, waiting };
}

function replyOf<Reply>(result: Result): Reply {
  if ('refusal' in result) throw new SuhbatError(result.refusal);
  return result.reply as Reply;
}

/** The short forms of users, by id. Who is no user any more is left out. */
export async function findUsers(
  { call }: ChatsParts,
  ids: Iterable<string>,
  meta: CallMeta,
): Promise<Map<string, UserShort>> {
  const wanted = [...new Set(ids)];
  if (wanted.length === 0) return new Map();
  const users = await call<UserShort[]>('users.shorts', { ids: wanted }, meta);
  return new Map(users.map((user) => [user.id, user]));
}

/** Those of these users who do not let the caller do this. */
export async function closedUsers(
  { call }: ChatsParts,
  right: Right,
  ids: Iterable<string>,
  meta: CallMeta,
): Promise<ReadonlySet<string>> {
  const asked = [...ids];
  return new Set(asked.length === 0 ? [] : await call<string[]>('users.closed', { right, ids: asked }, meta));
}

/** What stands in a chat for an account that was deleted. */
export function deletedUser(id: string): UserShort {
  return { id, username: '', display_name: 'deleted account', avatar: null };
}
