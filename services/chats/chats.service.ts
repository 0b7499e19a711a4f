import { defineService } from '../../ops/broker/broker.ts';
import { createChatReads } from './chats.store.ts';
import { createActions } from './create.ts';
import { detailActions } from './detail.ts';
import { historyActions } from './history.ts';
import { memberActions } from './members.ts';
import { createMessageReads } from './messages.store.ts';
import { overviewActions } from './overview.ts';
import type { ChatsParts } from './parts.ts';
import { searchActions } from './search.ts';
import { updateActions } from './update.ts';

/**
 * The service `chats`: what needs more than the chat's own actor. Reads go to the owner first, then to SQL;
 * the greater `changed_seq` wins. What each action takes and refuses stands beside it.
 */
export function createChatsService(given: Omit<ChatsParts, 'reads'>) {
  const parts = { ...given, reads: { ...createChatReads(given.db), ...createMessageReads(given.db) } };
  return defineService('chats', {
    ...createActions(parts),
    ...updateActions(parts),
    ...memberActions(parts),
    ...detailActions(parts),
    ...historyActions(parts),
    ...overviewActions(parts),
    ...searchActions(parts),
  });
}
