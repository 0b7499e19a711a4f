import { askOptionsOf } from '../../../actors/client/ask.ts';
import type { ChatCommand, CreateReply, SendReply } from '../../../schemas/chat/commands.ts';
import { fail, refusalOf } from '../../../schemas/errors.ts';
import { chatTag } from '../../../schemas/etag.ts';
import { isUuid, newId } from '../../../schemas/ids.ts';
import { requestRefusals } from '../../../schemas/refusals.ts';
import { pageOf } from '../../../schemas/rest/accounts.ts';
import * as schemas from '../../../schemas/rest/chats.ts';
import { tagsToMatch } from '../conditions.ts';
import { idOfKey, keyHeader } from '../idempotency.ts';
import { metaOf } from '../meta.ts';
import type { Answer, Route, RouteParts, RouteRequest } from '../route.ts';

/** Chats, members and messages over REST: each row is the twin of a frame. */

/** The handler that calls an action and answers 200 with its reply, or with what `answer` takes of it. */
function calling<Reply>(
  action: string,
  params: (request: RouteRequest) => object,
  answer: (reply: Reply) => unknown = (reply) => reply,
): Route['handle'] {
  return async (request, { call }) => {
    const reply = await call<Reply>(action, params(request), metaOf(request));
    return { status: 200, body: answer(reply) };
  };
}

type Without<C> = C extends unknown ? Omit<C, 'by'> : never;

/** The handler that gives the chat's owner a command and answers 200 with its reply. */
function asking(commandOf: (request: RouteRequest) => Without<ChatCommand>, status = 200): Route['handle'] {
  return async (request, { actors }) => {
    const reply = await actors.one(
      'chat',
      chatId(request),
      commandBy(request, commandOf(request)),
      askOptionsOf(metaOf(request)),
    );
    return status === 204 ? { status } : { status, body: reply };
  };
}

function commandBy({ caller }: RouteRequest, command: object): object {
  if (caller === undefined) throw fail('unauthenticated');
  return { ...command, by: caller.user_id };
}

/** A parameter that is no id names nothing. */
function idOf(request: RouteRequest, name: string): string {
  const id = request.params[name] ?? '';
  if (!isUuid(id)) throw fail('not_found');
  return id;
}

const chatId = (request: RouteRequest) => idOf(request, 'id');
const inChat = (request: RouteRequest) => ({ chat_id: chatId(request) });

function target({ params: { seq = '' } }: RouteRequest): number {
  if (!/^[1-9]\d{0,14}$/.test(seq)) throw fail('not_found', { reason: 'no_message' });
  return Number(seq);
}

function historyParams(request: RouteRequest): object {
  const numbers = Object.entries(request.query).map(([name, value]) => [name, Number(value)]);
  return { ...inChat(request), ...Object.fromEntries(numbers) };
}

async function createChat(request: RouteRequest, { call }: RouteParts): Promise<Answer> {
  const { type, ...body } = request.body as schemas.CreateChatBody;
  const group_id = type === 'group' ? idOfKey(request) : undefined;
  const params = { chat_type: type, ...body, ...(group_id && { group_id }) };
  const { chat, created } = await call<CreateReply>('chats.create', params, metaOf(request));
  return { status: created ? 201 : 200, body: chat };
}

async function sendMessage(request: RouteRequest, { actors, call }: RouteParts): Promise<Answer> {
  const { client_id = idOfKey(request) ?? newId(), ...body } = request.body as schemas.SendMessageBody;
  const command = commandBy(request, { type: 'message.send', client_id, kind: 'text', ...body });
  const options = askOptionsOf(metaOf(request));
  const { chat_id, seq } = await actors.one<SendReply>('chat', chatId(request), command, options);
  // It was sent: a refusal that says otherwise would have it sent twice.
  const read = call('chats.message', { chat_id, seq }, metaOf(request));
  return { status: 201, body: await read.catch(unknown) };
}

function unknown(error: unknown): never {
  throw refusalOf(error).code === 'unavailable' ? fail('timeout') : error;
}

async function oneChat(request: RouteRequest, { call }: RouteParts): Promise<Answer> {
  const chat = await call<schemas.Chat>('chats.one', inChat(request), metaOf(request));
  return { status: 200, body: chat, headers: { ETag: `"${chatTag(chat)}"` } };
}

function changesOf(request: RouteRequest): object {
  const if_match = tagsToMatch(request.headers?.['if-match']);
  return { ...(request.body as object), ...inChat(request), ...(if_match && { if_match }) };
}

/** For requests that make something: a repeat with the same key makes nothing more. */
const keyed = { headers: [keyHeader] } as const;

const user = { auth: 'user', limit: 'calls' } as const;
const done = { replies: { 200: schemas.DoneAnswer } };

export const chatRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/api/v1/chats',
    summary: "The caller's chats, newest activity first",
    description: `A page ends at \`limit\` or 256 KiB. So it may hold fewer items than \`limit\` and yet have a
\`next_cursor\`: the list is over when that is null.`,
    ...user,
    query: schemas.ChatListQuery,
    replies: { 200: schemas.ChatList },
    refusals: { invalid: ['bad_cursor'] },
    handle: calling('chats.list', ({ query }) => ({ ...query, ...pageOf(query) })),
  },
  {
    method: 'POST',
    path: '/api/v1/chats',
    summary: 'Make a chat, or find the private chat that is there',
    ...user,
    ...keyed,
    body: schemas.CreateChatBody,
    replies: { 200: schemas.Chat, 201: schemas.Chat },
    refusals: requestRefusals['chat.create'],
    handle: createChat,
  },
  {
    method: 'GET',
    path: '/api/v1/chats/{id}',
    summary: 'One chat',
    ...user,
    tagged: true,
    replies: { 200: schemas.Chat },
    refusals: { not_found: ['no_chat'] },
    handle: oneChat,
  },
  {
    method: 'PATCH',
    path: '/api/v1/chats/{id}',
    summary: 'Change the title, about or public name of a group',
    ...user,
    headers: ['if-match'],
    body: schemas.UpdateChatBody,
    ...done,
    refusals: requestRefusals['chat.update'],
    handle: calling('chats.update', changesOf),
  },
  {
    method: 'DELETE',
    path: '/api/v1/chats/{id}',
    summary: 'Leave a group',
    ...user,
    ...done,
    refusals: requestRefusals['chat.leave'],
    handle: asking(() => ({ type: 'chat.leave' })),
  },
  {
    method: 'POST',
    path: '/api/v1/chats/{id}/join',
    summary: 'Join a group that has a public name',
    ...user,
    ...keyed,
    replies: { 200: schemas.Chat },
    refusals: requestRefusals['chat.join'],
    handle: calling<{ chat: unknown }>('chats.join', inChat, ({ chat }) => chat),
  },
  {
    method: 'GET',
    path: '/api/v1/chats/{id}/members',
    summary: 'Members, the longest in the chat first',
    ...user,
    query: schemas.MembersQuery,
    replies: { 200: schemas.MemberList },
    refusals: requestRefusals['chat.get'],
    handle: calling('chats.members', (request) => ({ ...inChat(request), ...pageOf(request.query) })),
  },
  {
    method: 'POST',
    path: '/api/v1/chats/{id}/members',
    summary: 'Add members to a group',
    ...user,
    ...keyed,
    body: schemas.AddMembersBody,
    replies: { 200: schemas.AddMembersAnswer },
    refusals: requestRefusals['member.add'],
    handle: calling('chats.add_members', (request) => ({ ...(request.body as object), ...inChat(request) })),
  },
  {
    method: 'PATCH',
    path: '/api/v1/chats/{id}/members/{user_id}',
    summary: "Change a member's role",
    ...user,
    body: schemas.RoleBody,
    ...done,
    refusals: requestRefusals['member.role'],
    handle: asking((request) => {
      const { role } = request.body as schemas.RoleBody;
      return { type: 'member.role', user_id: idOf(request, 'user_id'), role };
    }),
  },
  {
    method: 'DELETE',
    path: '/api/v1/chats/{id}/members/{user_id}',
    summary: 'Remove a member; oneself: leave',
    ...user,
    ...done,
    refusals: requestRefusals['member.remove'],
    handle: asking((request) => ({ type: 'member.remove', user_id: idOf(request, 'user_id') })),
  },
  {
    method: 'GET',
    path: '/api/v1/chats/{id}/messages',
    summary: 'A page of the history',
    ...user,
    query: schemas.HistoryQuery,
    replies: { 200: schemas.History },
    refusals: requestRefusals.history,
    handle: calling('chats.history', historyParams),
  },
  {
    method: 'POST',
    path: '/api/v1/chats/{id}/messages',
    summary: 'Send a message; the same client_id again gives the same message',
    auth: 'user',
    limit: 'messages',
    ...keyed,
    body: schemas.SendMessageBody,
    replies: { 201: schemas.Message },
    refusals: requestRefusals['message.send'],
    handle: sendMessage,
  },
  {
    method: 'PATCH',
    path: '/api/v1/chats/{id}/messages/{seq}',
    summary: "Edit one's own message",
    ...user,
    body: schemas.EditMessageBody,
    ...done,
    refusals: requestRefusals['message.edit'],
    handle: asking((request) => {
      const { text } = request.body as schemas.EditMessageBody;
      return { type: 'message.edit', target: target(request), text };
    }),
  },
  {
    method: 'DELETE',
    path: '/api/v1/chats/{id}/messages/{seq}',
    summary: 'Delete a message; it keeps its place, empty',
    ...user,
    ...done,
    refusals: requestRefusals['message.delete'],
    handle: asking((request) => ({ type: 'message.delete', target: target(request) })),
  },
  {
    method: 'PUT',
    path: '/api/v1/chats/{id}/messages/{seq}/reaction',
    summary: "Set the caller's reaction",
    ...user,
    body: schemas.ReactionBody,
    ...done,
    refusals: requestRefusals['reaction.set'],
    handle: asking((request) => {
      const { emoji } = request.body as schemas.ReactionBody;
      return { type: 'reaction.set', target: target(request), emoji };
    }),
  },
  {
    method: 'DELETE',
    path: '/api/v1/chats/{id}/messages/{seq}/reaction',
    summary: "Take the caller's reaction back",
    ...user,
    ...done,
    refusals: requestRefusals['reaction.set'],
    handle: asking((request) => ({ type: 'reaction.set', target: target(request), emoji: null })),
  },
  {
    method: 'POST',
    path: '/api/v1/chats/{id}/read',
    summary: "Move the caller's read mark forward",
    ...user,
    body: schemas.ReadBody,
    replies: { 200: schemas.ReadAnswer },
    refusals: requestRefusals.read,
    handle: asking(({ body }) => ({ type: 'read', seq: (body as schemas.ReadBody).seq })),
  },
  {
    method: 'POST',
    path: '/api/v1/chats/{id}/typing',
    summary: 'Tell that the caller is typing, or has stopped',
    ...user,
    body: schemas.TypingBody,
    replies: { 204: undefined },
    refusals: requestRefusals.typing,
    handle: asking(({ body }) => ({ type: 'typing', active: (body as schemas.TypingBody).active }), 204),
  },
  {
    method: 'POST',
    path: '/api/v1/sync',
    summary: 'Which chats differ from what the client holds',
    ...user,
    body: schemas.SyncBody,
    replies: { 200: schemas.SyncAnswer },
    refusals: requestRefusals.sync,
    handle: calling('chats.sync', ({ body }) => body as object),
  },
];
