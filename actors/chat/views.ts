import type { ChatCommand, GetReply, HotEntry, HotMembership } from '../../schemas/chat/commands.ts';
import type { ChatFacts } from '../../schemas/chat/events.ts';
import { chatView } from '../../schemas/chat/view.ts';
import { limits } from '../../schemas/limits.ts';
import type { ChatState, Membership } from './state.ts';

/** What the owner answers to reads. */

/** The other one of a private chat. */
export function peerOf(state: ChatState, by: string): string | undefined {
  if (state.facts?.type !== 'private') return undefined;
  for (const id of state.members.keys()) if (id !== by) return id;
  return undefined;
}

export function entryOf(state: ChatState, by: string): HotEntry {
  const { facts, tail } = state;
  const member = state.members.get(by);
  if (facts === undefined || member === undefined) return notMember;
  const peer = peerOf(state, by);
  const peerRead = peer === undefined ? undefined : state.members.get(peer)?.read;
  return {
    member: true,
    role: member.role,
    title: facts.title,
    about: facts.about,
    username: facts.username,
    members_count: state.members.size,
    head: state.head,
    read: member.read,
    ...(peerRead !== undefined && { peer_read: peerRead }),
    unread: state.ordinal - member.read_ordinal,
    last_message: tail.recent.at(-1)?.message ?? null,
    member_seq: state.member_seq,
  };
}

export function membershipOf(state: ChatState, by: string): HotMembership {
  const member = state.facts !== undefined && state.members.has(by);
  return { member, member_seq: member ? state.member_seq : 0 };
}

const notMember: HotEntry = {
  member: false,
  role: 'member',
  title: null,
  about: null,
  username: null,
  members_count: 0,
  head: 0,
  read: 0,
  unread: 0,
  last_message: null,
  member_seq: 0,
};

type MembersPage = Pick<Extract<ChatCommand, { type: 'chat.get' }>, 'members_after' | 'members_limit'>;

export function getReply(
  state: ChatState,
  facts: ChatFacts,
  by: string,
  member: Membership,
  { members_after: after, members_limit: limit = limits.membersPage }: MembersPage,
): GetReply {
  const peer_id = peerOf(state, by);
  const chat = chatView(state.id, facts, {
    head: state.head,
    members_count: state.members.size,
    role: member.role,
  });
  const members: GetReply['members'] = [];
  let next: number | undefined;
  if (after !== undefined) {
    // The map is in the order of joined_seq: who comes back is put at its end.
    for (const [user_id, { role, read, joined_seq }] of state.members) {
      if (joined_seq <= after) continue;
      if (members.length === limit) {
        next = members.at(-1)?.joined_seq;
        break;
      }
      members.push({ user_id, role, read, joined_seq });
    }
  }
  return { chat, ...(peer_id !== undefined && { peer_id }), members, ...(next !== undefined && { next }) };
}
