import type { Message } from '../../../client/index.ts';
import type { Session } from '../state/session.ts';
import { words } from './words.ts';

/** The name of a user as this page shows it. */
export function nameOf(session: Session, userId: string): string {
  if (userId === session.userId) return words.value.you;
  const user = session.people.get(userId).value;
  if (user === undefined) return words.value.somebody;
  return user.display_name || user.username || words.value.deletedAccount;
}

/** A service message in words. */
export function serviceWords(session: Session, message: Message, isGroup: boolean): string {
  const { service } = words.value;
  const note = message.service;
  const who = nameOf(session, message.sender_id);
  if (note === null) return '';
  const subject = note.user_id ?? message.sender_id;
  const whom = subject === session.userId ? words.value.youThere : nameOf(session, subject);
  const self = note.user_id === undefined || note.user_id === message.sender_id;
  switch (note.action) {
    case 'created':
      return isGroup ? service.createdGroup(who, note.title ?? '') : service.created(who);
    case 'joined':
      return self ? service.joined(who) : service.added(who, whom);
    case 'left':
      return service.left(nameOf(session, subject));
    case 'removed':
      return service.removed(who, whom);
    case 'role':
      if (note.role === 'owner') return service.owner(whom);
      return note.role === 'admin' ? service.admin(who, whom) : service.member(who, whom);
    case 'updated':
      return typeof note.title === 'string' ? service.renamed(who, note.title) : service.updated(who);
  }
}

/** A message in one line: for the list, for quotes, for announcements. */
export function lineOf(session: Session, message: Message, isGroup: boolean): string {
  if (message.kind === 'service') return serviceWords(session, message, isGroup);
  if (message.deleted_at !== null) return words.value.messageDeleted;
  return message.text.replaceAll(/\s+/g, ' ').slice(0, 200);
}
