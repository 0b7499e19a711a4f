import type { ChatModel } from '../state/model.ts';
import type { Session } from '../state/session.ts';
import { nameOf } from '../words/messages.ts';
import { lastSeenWords } from '../words/times.ts';
import { words } from '../words/words.ts';

export const isGroup = (chat: ChatModel) => chat.chat.value.type !== 'private';

export function titleOf(chat: ChatModel): string {
  const { title, peer } = chat.chat.value;
  return title ?? (peer?.display_name || peer?.username) ?? words.value.deletedAccount;
}

export function isOnline(session: Session, chat: ChatModel): boolean {
  const { peer } = chat.chat.value;
  return peer !== undefined && session.people.presence(peer.id).value?.online === true;
}

/** Who types, in words; undefined when nobody does. */
export function typingWords(session: Session, chat: ChatModel): string | undefined {
  const [first, ...others] = chat.typing.value;
  const w = words.value;
  if (first === undefined) return undefined;
  if (!isGroup(chat)) return w.typing;
  return others.length === 0 ? w.typingOne(nameOf(session, first)) : w.typingMany(others.length + 1);
}

/** The line under a chat's title. */
export function statusWords(session: Session, chat: ChatModel): string {
  const w = words.value;
  if (session.link.value === 'lost') return w.connecting;
  const { peer, members_count } = chat.chat.value;
  if (peer !== undefined) {
    const presence = session.people.presence(peer.id).value;
    if (presence === undefined) return '';
    return presence.online ? w.online : lastSeenWords(presence.last_seen_at);
  }
  const members = chat.members.value ?? [];
  const online = members.filter(({ user }) => session.people.presence(user.id).value?.online).length;
  return online > 1 ? `${w.members(members_count)}, ${w.membersOnline(online)}` : w.members(members_count);
}
