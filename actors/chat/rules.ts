import type { ChatCommand } from '../../schemas/chat/commands.ts';
import { createChat, lookAtBlocks, updateChat } from './rules/chats.ts';
import type { ChatDecision } from './rules/common.ts';
import { addMembers, joinChat, leaveChat, removeMember, setRole } from './rules/members.ts';
import { deleteMessage, editMessage, sendMessage, setReaction } from './rules/messages.ts';
import { getChat, getEntry, markRead, readHistory, tellTyping } from './rules/reads.ts';
import type { ChatState } from './state.ts';

/** The rules of a chat: one function per command, no I/O, no clock, no random. */
export function decide(state: ChatState, command: ChatCommand, now: number): ChatDecision {
  switch (command.type) {
    case 'chat.create':
      return createChat(state, command, now);
    case 'chat.blocks':
      return lookAtBlocks(state, command);
    case 'chat.update':
      return updateChat(state, command, now);
    case 'chat.join':
      return joinChat(state, command, now);
    case 'chat.leave':
      return leaveChat(state, command, now);
    case 'member.add':
      return addMembers(state, command, now);
    case 'member.remove':
      return removeMember(state, command, now);
    case 'member.role':
      return setRole(state, command, now);
    case 'message.send':
      return sendMessage(state, command, now);
    case 'message.edit':
      return editMessage(state, command, now);
    case 'message.delete':
      return deleteMessage(state, command, now);
    case 'reaction.set':
      return setReaction(state, command, now);
    case 'history':
      return readHistory(state, command);
    case 'chat.get':
      return getChat(state, command);
    case 'chat.entry':
      return getEntry(state, command);
    case 'read':
      return markRead(state, command);
    case 'typing':
      return tellTyping(state, command);
  }
}
