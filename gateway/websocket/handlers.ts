import type { CreateReply } from '../../schemas/chat/commands.ts';
import { privateChatId } from '../../schemas/chat/private-id.ts';
import { fail } from '../../schemas/errors.ts';
import type { RequestFrame, RequestType } from '../../schemas/frames/client.ts';

/**
 * What becomes of each request: one row per type. Adding a request is its schema, this row, and whoever
 * does the work.
 *
 * - `actor`: a command to the chat's owner. Neighbours in a lane go in one ask.
 * - `service`: a call. With `chatId` it waits its turn among the requests to that chat. What only reads there does
 *   not wait for somebody to serve it: messages would wait behind it, which need nobody else than the chat's owner.
 * - `own`: the gateway does it.
 */
export type Handler<T extends RequestType = RequestType> =
  | {
      by: 'actor';
      chatId(frame: RequestFrame<T>, userId: string): string;
      command(frame: RequestFrame<T>, userId: string): object;
    }
  | {
      by: 'service';
      action: string;
      chatId?(frame: RequestFrame<T>, userId: string): string | undefined;
      reads?: true;
      /** What the client gets of the action's reply; all of it where this is absent. */
      reply?(reply: unknown): object;
    }
  | { by: 'own' };

type InChat = Extract<RequestFrame, { chat_id: string }>;

const chatId = (frame: { chat_id: string }) => frame.chat_id;

/** The chat's own commands are the frame without its envelope, and who asks. */
function command({ id: _, chat_id: __, ...fields }: InChat, by: string): object {
  return { ...fields, by };
}

const toChat = { by: 'actor', chatId, command } as const;

export const handlers: { readonly [T in RequestType]: Handler<T> } = {
  ping: { by: 'own' },
  auth: { by: 'own' },
  'presence.watch': { by: 'own' },

  sync: { by: 'service', action: 'chats.sync' },
  'chat.create': {
    by: 'service',
    action: 'chats.create',
    chatId: chatToCreate,
    // Whether it was made just now is for REST's status alone.
    reply: (reply) => ({ chat: (reply as CreateReply).chat }),
  },
  'chat.get': { by: 'service', action: 'chats.get', chatId, reads: true },
  'chat.update': { by: 'service', action: 'chats.update', chatId },
  'chat.join': { by: 'service', action: 'chats.join', chatId },
  'member.add': { by: 'service', action: 'chats.add_members', chatId },
  history: { by: 'service', action: 'chats.history', chatId, reads: true },

  'chat.leave': toChat,
  'member.remove': toChat,
  'member.role': toChat,
  'message.edit': toChat,
  'message.delete': toChat,
  'reaction.set': toChat,
  read: toChat,
  typing: toChat,
  'message.send': {
    by: 'actor',
    chatId: chatToSendTo,
    command: ({ id: _, chat_id: __, user_id: ___, ...fields }, by) => ({ ...fields, by }),
  },
};

/** A private chat's id is known before it exists, so a send that follows its creation waits for it. */
function chatToCreate({ user_id }: RequestFrame<'chat.create'>, userId: string): string | undefined {
  return user_id === undefined ? undefined : privateChatId(userId, user_id);
}

function chatToSendTo({ chat_id, user_id }: RequestFrame<'message.send'>, userId: string): string {
  if (chat_id !== undefined && user_id === undefined) return chat_id;
  if (user_id !== undefined && chat_id === undefined) return privateChatId(userId, user_id);
  throw fail('invalid', { errors: [{ path: '', message: 'takes either chat_id or user_id' }] });
}

/** What a service is given: the frame without its envelope. */
export function paramsOf({ id: _, type: __, ...fields }: RequestFrame): object {
  return fields;
}
