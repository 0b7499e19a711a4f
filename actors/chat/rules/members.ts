import type { AddReply, DoneReply } from '../../../schemas/chat/commands.ts';
import type { ChatFacts, MemberRow } from '../../../schemas/chat/events.ts';
import { chatView } from '../../../schemas/chat/view.ts';
import type { Role } from '../../../schemas/chat/wire.ts';
import { limits } from '../../../schemas/limits.ts';
import { createDraft, type Draft, joinerRow, memberRow } from '../draft.ts';
import type { ChatState, Membership } from '../state.ts';
import { type ChatDecision, manages, noChat, type Of, refuse } from './common.ts';

/** Who is in a group, and as what. Private chats have their two for ever. */

export function addMembers(state: ChatState, command: Of<'member.add'>, now: number): ChatDecision {
  const inside = insider(state, command.by);
  if ('refuse' in inside) return inside;
  const { facts, member } = inside;
  const fresh = new Map<string, Membership | undefined>();
  const not_added: string[] = [];
  const closed = new Set(command.closed);
  for (const { id } of command.users) {
    if (state.members.has(id) || fresh.has(id)) continue;
    const before = state.former.get(id);
    // Whom an admin has removed only an admin brings back.
    if (closed.has(id) || (before?.removed && !manages(member.role))) not_added.push(id);
    else fresh.set(id, before);
  }
  if (state.members.size + fresh.size > limits.groupMembers) return full;
  const draft = createDraft(state, now);
  const end = { head: state.head + fresh.size, members_count: state.members.size + fresh.size };
  for (const [id, before] of fresh) join(state, draft, command.by, id, before, facts, end);
  const reply: AddReply = { seq: draft.head, not_added };
  return { reply, events: draft.events, gate: 'stored' };
}

/** Anybody may join a chat that has a public name, but for those whom an admin removed. */
export function joinChat(state: ChatState, { by }: Of<'chat.join'>, now: number): ChatDecision {
  const { facts } = state;
  const member = state.members.get(by);
  const before = state.former.get(by);
  if (facts === undefined || (member === undefined && facts.username === null)) return noChat;
  if (facts.type === 'private') return privateChat;
  if (member === undefined && before?.removed)
    return refuse('forbidden', 'removed', 'An admin removed you from this chat');
  if (member === undefined && state.members.size >= limits.groupMembers) return full;
  const draft = createDraft(state, now);
  const end = { head: state.head + 1, members_count: state.members.size + 1 };
  if (member === undefined) join(state, draft, by, by, before, facts, end);
  const view = member === undefined ? { ...end, role: 'member' as const } : viewOf(state, member.role);
  return { reply: { chat: chatView(state.id, facts, view) }, events: draft.events, gate: 'stored' };
}

function viewOf(state: ChatState, role: Role) {
  return { head: state.head, members_count: state.members.size, role };
}

/** `end` is the chat as the whole turn leaves it: what the new member is shown. */
function join(
  state: ChatState,
  draft: Draft,
  by: string,
  id: string,
  before: Membership | undefined,
  facts: ChatFacts,
  end: { head: number; members_count: number },
): void {
  const chat = chatView(state.id, facts, { ...end, role: 'member' });
  const already = draft.events.length;
  draft.note(
    by,
    { action: 'joined', user_id: id },
    {
      moves: true,
      members: [joinerRow(id, 'member', draft.head + 1, state.ordinal, before)],
      members_count: state.members.size + already + 1,
      more: { welcome: [{ user_id: id, chat }] },
    },
  );
}

export function leaveChat(state: ChatState, { by }: Of<'chat.leave'>, now: number): ChatDecision {
  const inside = insider(state, by);
  if ('refuse' in inside) return inside;
  const draft = createDraft(state, now);
  const members_count = state.members.size - 1;
  part(draft, by, by, inside.member, members_count);
  const heir = inside.member.role === 'owner' ? successor(state, by) : undefined;
  if (heir !== undefined) {
    const { user_id, membership } = heir;
    const members = [memberRow(user_id, membership, { role: 'owner' })];
    draft.note(by, { action: 'role', user_id, role: 'owner' }, { moves: false, members, members_count });
  }
  return { reply: { seq: draft.head } satisfies DoneReply, events: draft.events, gate: 'stored' };
}

/** Admins remove members, the owner removes anybody; removing oneself is leaving. */
export function removeMember(state: ChatState, command: Of<'member.remove'>, now: number): ChatDecision {
  const { by, user_id } = command;
  if (user_id === by) return leaveChat(state, { type: 'chat.leave', by }, now);
  const inside = insider(state, by);
  if ('refuse' in inside) return inside;
  const target = state.members.get(user_id);
  if (!manages(inside.member.role)) return notAdmin;
  if (target === undefined) return noMember;
  if (target.role !== 'member' && inside.member.role !== 'owner') return notOwner;
  const draft = createDraft(state, now);
  part(draft, by, user_id, target, state.members.size - 1);
  return { reply: { seq: draft.head } satisfies DoneReply, events: draft.events, gate: 'stored' };
}

/** Admins appoint admins; only the owner makes an admin a member again. The owner's role stays. */
export function setRole(state: ChatState, command: Of<'member.role'>, now: number): ChatDecision {
  const { by, user_id, role } = command;
  const inside = insider(state, by);
  if ('refuse' in inside) return inside;
  const target = state.members.get(user_id);
  if (!manages(inside.member.role)) return notAdmin;
  if (target === undefined) return noMember;
  if (target.role === 'owner') return refuse('forbidden', 'owner', 'The owner stays the owner');
  if (target.role === role) return { reply: { seq: state.head } satisfies DoneReply, gate: 'stored' };
  if (role === 'member' && inside.member.role !== 'owner') return notOwner;
  const draft = createDraft(state, now);
  const members = [memberRow(user_id, target, { role })];
  const members_count = state.members.size;
  draft.note(by, { action: 'role', user_id, role }, { moves: false, members, members_count });
  return { reply: { seq: draft.head } satisfies DoneReply, events: draft.events, gate: 'stored' };
}

/** Somebody goes: on their own, or removed by an admin. */
function part(draft: Draft, by: string, user_id: string, member: Membership, members_count: number): void {
  const removed = by !== user_id;
  const row: MemberRow = memberRow(user_id, member, { role: 'member', left_seq: draft.head + 1, removed });
  draft.note(
    by,
    { action: removed ? 'removed' : 'left', user_id },
    { moves: true, members: [row], members_count, more: { gone: user_id } },
  );
}

/** The oldest admin, else the oldest member. */
function successor(
  state: ChatState,
  leaver: string,
): { user_id: string; membership: Membership } | undefined {
  let oldest: { user_id: string; membership: Membership } | undefined;
  for (const [user_id, membership] of state.members) {
    if (user_id === leaver) continue;
    if (membership.role === 'admin') return { user_id, membership };
    oldest ??= { user_id, membership };
  }
  return oldest;
}

type Inside = { facts: ChatFacts; member: Membership };

/** The caller as a member of a group; the refusal if they are none. */
function insider(state: ChatState, by: string): Inside | { refuse: ReturnType<typeof refuse>['refuse'] } {
  const member = state.members.get(by);
  if (state.facts === undefined || member === undefined) return noChat;
  if (state.facts.type === 'private') return privateChat;
  return { facts: state.facts, member };
}

const full = refuse('unprocessable', 'chat_full', `A group has at most ${limits.groupMembers} members`);
const privateChat = refuse('forbidden', 'private_chat', 'A private chat has its two members for ever');
const notAdmin = refuse('forbidden', 'not_admin', 'Only admins may do this');
const notOwner = refuse('forbidden', 'not_owner', 'Only the owner may do this to an admin');
const noMember = refuse('not_found', 'no_member', 'They are not in this chat');
