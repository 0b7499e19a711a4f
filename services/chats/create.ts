import type { CallMeta } from '../../ops/broker/call.ts';
import { storing } from '../../ops/connections/postgres.ts';
import type { CreateReply } from '../../schemas/chat/commands.ts';
import { privateChatId } from '../../schemas/chat/private-id.ts';
import type { UserShort } from '../../schemas/common.ts';
import { fail } from '../../schemas/errors.ts';
import type { RequestFields } from '../../schemas/frames/client.ts';
import { newId } from '../../schemas/ids.ts';
import { takeNumber } from './chats.store.ts';
import { askChat, type ChatsParts, callerOf, closedUsers, findUsers } from './parts.ts';

/** `group_id`: of the group that is made; a repeat with the same one finds it. */
type CreateParams = RequestFields<'chat.create'> & { group_id?: string };

export function createActions(parts: ChatsParts) {
  return {
    /**
     * Makes a chat, or gives the private chat that is there (`created: false`). Throws `unprocessable`
     * (`oneself`, `title_required`, `not_for_private`, `not_for_group`, `one_user`), `forbidden` (`blocked`, `privacy`: of a
     * group, naming those of `member_ids` whom the caller may not add), `not_found` (`no_user`,
     * naming those of `member_ids` that are no users), `unavailable`, `timeout`.
     */
    async create(params: CreateParams, meta: CallMeta): Promise<CreateReply> {
      const by = callerOf(meta);
      return params.chat_type === 'private' ? openPrivate(by, params, meta) : makeGroup(by, params, meta);
    },
  };

  async function openPrivate(by: string, params: CreateParams, meta: CallMeta): Promise<CreateReply> {
    const { user_id, username, title, about, member_ids } = params;
    if (title !== undefined || about !== undefined || member_ids !== undefined)
      throw unfit('not_for_private', 'A private chat takes user_id or username alone');
    if ((user_id === undefined) === (username === undefined))
      throw unfit('one_user', 'A private chat takes either user_id or username');
    const found =
      username === undefined
        ? undefined
        : await parts.call<UserShort>('users.by_username', { username }, meta);
    const other = found?.id ?? (user_id as string);
    if (other === by) throw unfit('oneself', 'A private chat is with somebody else');
    const users = await findUsers(parts, [by, other], meta);
    const creator = users.get(by);
    const peer = users.get(other);
    if (creator === undefined) throw fail('unauthenticated', { reason: 'no_account' });
    if (peer === undefined) throw fail('not_found', { reason: 'no_user', detail: 'There is no such user' });
    // One that is there is given whatever they say now: the actor knows.
    const closed = (await closedUsers(parts, 'messages', [other], meta)).has(other);
    return create(privateChatId(by, other), by, { chat_type: 'private', closed }, [creator, peer], meta);
  }

  async function makeGroup(by: string, params: CreateParams, meta: CallMeta): Promise<CreateReply> {
    const { user_id, username, title, member_ids = [] } = params;
    if (user_id !== undefined || username !== undefined)
      throw unfit('not_for_group', 'A group takes member_ids');
    if (title === undefined) throw unfit('title_required', 'A group needs a title');
    const users = await findUsers(parts, [by, ...member_ids], meta);
    const creator = users.get(by);
    if (creator === undefined) throw fail('unauthenticated', { reason: 'no_account' });
    const errors = member_ids.flatMap((id, at) =>
      users.has(id) ? [] : [{ path: `/member_ids/${at}`, message: 'is no user' }],
    );
    if (errors.length > 0) throw fail('not_found', { reason: 'no_user', errors });
    users.delete(by);
    const closed = await closedUsers(parts, 'groups', users.keys(), meta);
    const refusing = member_ids.flatMap((id, at) =>
      closed.has(id) ? [{ path: `/member_ids/${at}`, message: 'may not be added by you' }] : [],
    );
    if (refusing.length > 0) throw fail('forbidden', { reason: 'privacy', errors: refusing });
    // In the order given: so they join.
    const others = [...new Set(member_ids)].flatMap((id) => users.get(id) ?? []);
    return create(params.group_id ?? newId(), by, params, [creator, ...others], meta);
  }

  async function create(
    id: string,
    by: string,
    {
      chat_type,
      title,
      about,
      closed,
    }: Pick<CreateParams, 'chat_type' | 'title' | 'about'> & { closed?: boolean },
    users: UserShort[],
    meta: CallMeta,
  ): Promise<CreateReply> {
    const number = await storing(() => takeNumber(parts.db));
    const facts = {
      chat_type,
      number,
      title: title ?? null,
      about: about ?? null,
      ...(closed && { closed }),
    };
    return askChat(parts, id, { type: 'chat.create', by, ...facts, users }, meta);
  }
}

function unfit(reason: string, detail: string) {
  return fail('unprocessable', { reason, detail });
}
