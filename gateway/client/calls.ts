import type { Chat, ChatEntry, Member } from '../../schemas/chat/wire.ts';
import type { RequestFields } from '../../schemas/frames/client.ts';
import type { ReplyFields } from '../../schemas/frames/server.ts';
import type { Request } from './requests.ts';

/** Names for the requests that need nothing but a reply. Each rejects with a ClientError. */
export interface Calls {
  /** All of the user's chats, newest activity first. */
  chats(): Promise<ChatEntry[]>;
  createPrivateChat(peer: { user_id: string } | { username: string }): Promise<Chat>;
  createGroup(fields: { title: string; about?: string; member_ids?: string[] }): Promise<Chat>;
  /** The chat with its members, 200 a page. */
  chat(chatId: string, cursor?: string): Promise<{ chat: Chat; members: Member[]; next_cursor?: string }>;
  updateChat(chatId: string, fields: Omit<RequestFields<'chat.update'>, 'chat_id'>): Promise<number>;
  joinChat(chatId: string): Promise<Chat>;
  leaveChat(chatId: string): Promise<number>;
  addMembers(chatId: string, userIds: string[]): Promise<ReplyFields<'member.add'>>;
  removeMember(chatId: string, userId: string): Promise<number>;
  setRole(chatId: string, userId: string, role: 'admin' | 'member'): Promise<number>;
  /** `target` is the message's seq; the answer is the seq of the change. */
  edit(chatId: string, target: number, text: string): Promise<number>;
  delete(chatId: string, target: number): Promise<number>;
  /** One emoji per user; null takes it away. */
  react(chatId: string, target: number, emoji: string | null): Promise<number>;
  history(chatId: string, page?: Omit<RequestFields<'history'>, 'chat_id'>): Promise<ReplyFields<'history'>>;
}

/** 500 chats a page: far beyond any user, but a bound. */
const mostPages = 400;

/** `joined` hears of chats that a reply brought, before the caller does. */
export function createCalls(request: Request, joined: (chat: Chat) => void): Calls {
  const chatOf = ({ chat }: { chat: Chat }) => {
    joined(chat);
    return chat;
  };
  const seqOf = ({ seq }: { seq: number }) => seq;
  return {
    async chats() {
      const entries: ChatEntry[] = [];
      let cursor: string | undefined;
      for (let page = 0; page < mostPages; page++) {
        const answer = await request('sync', cursor === undefined ? {} : { cursor });
        entries.push(...answer.chats);
        cursor = answer.next_cursor;
        if (cursor === undefined) break;
      }
      return entries;
    },
    createPrivateChat: (peer) => request('chat.create', { chat_type: 'private', ...peer }).then(chatOf),
    createGroup: (fields) => request('chat.create', { chat_type: 'group', ...fields }).then(chatOf),
    chat: (chat_id, cursor) => request('chat.get', { chat_id, ...(cursor !== undefined && { cursor }) }),
    updateChat: (chat_id, fields) => request('chat.update', { chat_id, ...fields }).then(seqOf),
    joinChat: (chat_id) => request('chat.join', { chat_id }).then(chatOf),
    leaveChat: (chat_id) => request('chat.leave', { chat_id }).then(seqOf),
    addMembers: (chat_id, user_ids) => request('member.add', { chat_id, user_ids }),
    removeMember: (chat_id, user_id) => request('member.remove', { chat_id, user_id }).then(seqOf),
    setRole: (chat_id, user_id, role) => request('member.role', { chat_id, user_id, role }).then(seqOf),
    edit: (chat_id, target, text) => request('message.edit', { chat_id, target, text }).then(seqOf),
    delete: (chat_id, target) => request('message.delete', { chat_id, target }).then(seqOf),
    react: (chat_id, target, emoji) => request('reaction.set', { chat_id, target, emoji }).then(seqOf),
    history: (chat_id, page = {}) => request('history', { chat_id, ...page }),
  };
}
