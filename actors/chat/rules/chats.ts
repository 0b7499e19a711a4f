import type { CreateReply, DoneReply } from '../../../schemas/chat/commands.ts';
import type { ChatFacts, ChatNoted, MemberRow } from '../../../schemas/chat/events.ts';
import { privateChatId } from '../../../schemas/chat/private-id.ts';
import { chatView } from '../../../schemas/chat/view.ts';
import type { ServiceNote } from '../../../schemas/chat/wire.ts';
import type { UserShort } from '../../../schemas/common.ts';
import { chatTag } from '../../../schemas/etag.ts';
import { createDraft, type Draft, joinerRow } from '../draft.ts';
import type { ChatState } from '../state.ts';
import { blocked, type ChatDecision, manages, noChat, type Of, refuse, unread } from './common.ts';

/** Making and renaming chats. */

export function createChat(state: ChatState, command: Of<'chat.create'>, now: number): ChatDecision {
  const { by, users } = command;
  const [creator, ...others] = users;
  if (creator?.id !== by) throw new Error('the creator stands first');
  if (state.facts !== undefined) return existing(state, state.facts, command);
  if (command.chat_type === 'private') {
    if (state.fetched?.command !== command) throw unread();
    if (state.fetched.blockers?.size) return blocked;
    if (command.closed)
      return refuse('forbidden', 'privacy', 'This user does not take messages from everybody');
  }
  const draft = createDraft(state, now);
  const { chat_type: type, number, title, about } = command;
  const facts: ChatFacts = {
    number,
    type,
    title,
    about,
    username: null,
    created_by: by,
    created_at: draft.at,
  };
  if (type === 'private') createPrivate(state, draft, facts, creator, others);
  else createGroup(state, draft, facts, by, idsBeside(by, others));
  const { members_count } = draft.events.at(-1) as ChatNoted;
  const role = type === 'private' ? 'member' : 'owner';
  const peer = type === 'private' ? others[0] : undefined;
  const view = { head: draft.head, members_count, role, peer } as const;
  const reply: CreateReply = { chat: chatView(state.id, facts, view), created: true };
  return { reply, events: draft.events, gate: 'stored' };
}

/** What was read of blocks is no event: PostgreSQL has it, and an activation reads it. */
export function lookAtBlocks(state: ChatState, command: Of<'chat.blocks'>): ChatDecision {
  if (state.fetched?.command !== command) throw unread();
  state.blockers = state.fetched.blockers ?? state.blockers;
  return { reply: {} };
}

/** A repeat, or the other one was first. It waits for the flush too: a read that follows must find it. */
function existing(state: ChatState, facts: ChatFacts, { by, users }: Of<'chat.create'>): ChatDecision {
  const member = state.members.get(by);
  if (member === undefined) return refuse('conflict', 'id_taken', 'Another chat has this id');
  const peer = facts.type === 'private' ? users[1] : undefined;
  const view = { head: state.head, members_count: state.members.size, role: member.role, peer };
  const reply: CreateReply = { chat: chatView(state.id, facts, view), created: false };
  return { reply, gate: 'stored' };
}

function createPrivate(
  state: ChatState,
  draft: Draft,
  facts: ChatFacts,
  creator: UserShort,
  others: UserShort[],
): void {
  const [other] = others;
  if (other === undefined || others.length > 1 || privateChatId(creator.id, other.id) !== state.id)
    throw new Error('a private chat is of its two users');
  const pair = [
    [creator, other],
    [other, creator],
  ] as const;
  draft.note(
    creator.id,
    { action: 'created' },
    {
      moves: true,
      receiver_id: other.id,
      members: pair.map(([user]) => joinerRow(user.id, 'member', 1, 0, undefined)),
      members_count: 2,
      more: {
        facts,
        welcome: pair.map(([{ id }, peer]) => {
          const view = { head: 1, members_count: 2, role: 'member', peer } as const;
          return { user_id: id, chat: chatView(state.id, facts, view) };
        }),
      },
    },
  );
}

function idsBeside(by: string, others: readonly UserShort[]): string[] {
  const ids = new Set(others.map(({ id }) => id));
  ids.delete(by);
  return [...ids];
}

function createGroup(
  state: ChatState,
  draft: Draft,
  facts: ChatFacts,
  by: string,
  ids: readonly string[],
): void {
  const end = { head: ids.length + 1, members_count: ids.length + 1 };
  const { title, about } = facts;
  const enter = (service: ServiceNote, member: MemberRow, more: { facts?: ChatFacts }) =>
    draft.note(by, service, {
      moves: true,
      members: [member],
      members_count: member.joined_seq,
      more: {
        welcome: [
          { user_id: member.user_id, chat: chatView(state.id, facts, { ...end, role: member.role }) },
        ],
        ...more,
      },
    });
  enter({ action: 'created', title, about }, joinerRow(by, 'owner', 1, 0, undefined), { facts });
  for (const id of ids) {
    const row = joinerRow(id, 'member', draft.head + 1, 0, undefined);
    enter({ action: 'joined', user_id: id }, row, {});
  }
}

export function updateChat(state: ChatState, command: Of<'chat.update'>, now: number): ChatDecision {
  const { facts } = state;
  const member = state.members.get(command.by);
  if (facts === undefined || member === undefined) return noChat;
  if (facts.type === 'private') return refuse('forbidden', 'private_chat', 'A private chat has no title');
  if (!manages(member.role)) return refuse('forbidden', 'not_admin', 'Only admins may do this');
  if (command.if_match !== undefined && !command.if_match.includes(chatTag(facts)))
    return refuse('conflict', 'changed', 'It was changed meanwhile: read it again');
  const changed: Partial<Pick<ChatFacts, 'title' | 'about' | 'username'>> = {};
  for (const field of ['title', 'about', 'username'] as const) {
    const value = command[field];
    if (value !== undefined && value !== facts[field]) changed[field] = value;
  }
  const draft = createDraft(state, now);
  if (Object.keys(changed).length > 0)
    draft.note(
      command.by,
      { action: 'updated', ...changed },
      {
        moves: false,
        members: [],
        members_count: state.members.size,
        more: { facts: { ...facts, ...changed } },
      },
    );
  return { reply: { seq: draft.head } satisfies DoneReply, events: draft.events, gate: 'stored' };
}
