import type { ChatCommand } from '../../schemas/chat/commands.ts';
import type { ChatEvent, ReadMark } from '../../schemas/chat/events.ts';
import type { ActorKind } from '../runtime/kind.ts';
import { frames } from './frames.ts';
import { forgetFlushed, type TailSize, tailDefaults } from './hot-tail.ts';
import { readFor } from './needs.ts';
import { decide } from './rules.ts';
import { type ChatState, evolve } from './state.ts';
import type { ChatStore } from './store.ts';

export interface ChatKindOptions {
  tail?: TailSize;
}

/** Private chats and groups: the family of actors named `chat`. */
export function chatKind<Tx>(
  store: ChatStore<Tx>,
  { tail = tailDefaults }: ChatKindOptions = {},
): ActorKind<ChatState, ChatCommand, ChatEvent, ReadMark, Tx> {
  return {
    name: 'chat',
    journaled: true,
    load: (id) => store.load(id, tail.messages),
    keys,
    needs(state, command, now) {
      const read = readFor(state, command, now);
      if (read === undefined) return undefined;
      return async () => {
        const fetched = { command, ...(await read(store, state.id)) };
        return (current) => {
          current.fetched = fetched;
        };
      };
    },
    decide,
    evolve,
    frames,
    markKey: (mark) => mark.user_id,
    project: (tx, batch) => store.project(tx, batch),
    bury: (tx, id, event) => store.bury(tx, id, event),
    flushed: (state, events) => forgetFlushed(state.tail, events, tail),
    idle: (state) => state.tail.flushed === state.head,
  };
}

/** The sender, and whom or what the command is about. */
function keys(command: ChatCommand): readonly string[] {
  const own = [command.by];
  switch (command.type) {
    case 'chat.create':
    case 'member.add':
      return [...own, ...command.users.map(({ id }) => id)];
    case 'chat.blocks':
    case 'member.remove':
    case 'member.role':
      return [...own, command.user_id];
    case 'message.edit':
    case 'message.delete':
    case 'reaction.set':
      return [...own, `#${command.target}`];
    default:
      return own;
  }
}
