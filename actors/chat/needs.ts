import type { ChatCommand } from '../../schemas/chat/commands.ts';
import { covers, findByClientId, hotMessage, ordinalAt } from './hot-tail.ts';
import { isSurelyNew } from './idempotence.ts';
import type { ChatState, Fetched } from './state.ts';
import type { ColdReads } from './store.ts';

/** Reads what one command's turn needs. */
type Read = (cold: ColdReads, id: string) => Promise<Omit<Fetched, 'command'>>;

/**
 * What PostgreSQL must be asked before this command's turn; undefined where memory knows enough. The tail
 * may shrink meanwhile, so what it knows now of the same turn is kept with what is read: commands that
 * could change it share a key with this one and wait.
 */
export function readFor(state: ChatState, command: ChatCommand, now: number): Read | undefined {
  if (state.fetched?.command === command) return undefined;
  if (command.type === 'chat.create') return readForCreate(state, command);
  if (command.type === 'chat.blocks') return readBlockers(command.by, command.user_id);
  if (state.head === 0) return undefined;
  switch (command.type) {
    case 'message.send':
      return readForSend(state, command, now);
    case 'message.edit':
    case 'message.delete':
    case 'reaction.set':
      return readForChange(state, command);
    case 'read':
      return readForMark(state, command);
    default:
      return undefined;
  }
}

/** A private chat is not made where a block stands; later ones are told by `chat.blocks`. */
function readForCreate(state: ChatState, { chat_type, users }: Of<'chat.create'>): Read | undefined {
  const [one, other] = users;
  if (state.head > 0 || chat_type !== 'private' || one === undefined || other === undefined) return undefined;
  return readBlockers(one.id, other.id);
}

function readBlockers(one: string, other: string): Read {
  return async (cold) => ({ blockers: await cold.blockers(one, other) });
}

type Of<T extends ChatCommand['type']> = Extract<ChatCommand, { type: T }>;

function readForSend(state: ChatState, command: Of<'message.send'>, now: number): Read | undefined {
  const { by, reply_to = null } = command;
  const { tail } = state;
  const member = state.members.get(by);
  const known = member ?? state.former.get(by);
  if (known === undefined) return undefined;
  const clientId = command.client_id.toLowerCase();
  const sure = isSurelyNew(clientId, known.last_client_id, now);
  if (!sure && findByClientId(tail, by, clientId) !== undefined) return undefined;
  // A tail that reaches back to the first message knows every client_id.
  const looksUp = !sure && tail.floor > 1;
  const replies = member !== undefined && reply_to !== null;
  const looksBack = replies && !covers(tail, reply_to);
  if (!looksUp && !looksBack) return undefined;
  const hotReply = replies && hotMessage(tail, reply_to) !== undefined;
  return async (cold, id) => {
    const [duplicate, reply] = await Promise.all([
      looksUp ? cold.findByClientId(id, by, clientId) : undefined,
      looksBack ? cold.message(id, reply_to) : undefined,
    ]);
    return { duplicate, replyExists: hotReply || reply !== undefined };
  };
}

function readForChange(
  state: ChatState,
  command: Of<'message.edit' | 'message.delete' | 'reaction.set'>,
): Read | undefined {
  const { type, by, target } = command;
  if (!state.members.has(by)) return undefined;
  const hot = hotMessage(state.tail, target);
  if (hot === undefined && covers(state.tail, target)) return undefined;
  const reacts = type === 'reaction.set' && hot?.reactors === undefined;
  if (hot !== undefined && !reacts) return undefined;
  return async (cold, id) => {
    const [read, reactors] = await Promise.all([
      hot ?? cold.message(id, target),
      reacts ? cold.reactors(id, target) : undefined,
    ]);
    return { target_seq: target, target: read, reactors };
  };
}

function readForMark(state: ChatState, command: Of<'read'>): Read | undefined {
  const member = state.members.get(command.by);
  const { seq } = command;
  if (member === undefined || seq <= member.read || seq >= state.head) return undefined;
  if (ordinalAt(state.tail, seq) !== undefined) return undefined;
  return async (cold, id) => ({ ordinal: await cold.ordinalAt(id, seq) });
}
