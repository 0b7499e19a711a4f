import type { ChatEvent } from '../../schemas/chat/events.ts';
import type { Reaction } from '../../schemas/chat/wire.ts';
import { limits } from '../../schemas/limits.ts';

/** One user's reaction to a message. Kept in the order in which they were set. */
export interface Reactor {
  user_id: string;
  emoji: string;
}

/** As clients see them: emojis by their earliest reaction, the first reactors of each by name. */
export function reactionsOf(reactors: readonly Reactor[]): Reaction[] {
  const byEmoji = new Map<string, Reaction>();
  for (const { emoji, user_id } of reactors) {
    const reaction = byEmoji.get(emoji) ?? { emoji, count: 0, user_ids: [] };
    byEmoji.set(emoji, reaction);
    reaction.count++;
    if (reaction.user_ids.length < limits.reactors) reaction.user_ids.push(user_id);
  }
  return [...byEmoji.values()];
}

/** A changed reaction counts as the newest; `emoji` null takes it away. */
export function withReaction(reactors: readonly Reactor[], user_id: string, emoji: string | null): Reactor[] {
  const others = reactors.filter((reactor) => reactor.user_id !== user_id);
  return emoji === null ? others : [...others, { user_id, emoji }];
}

/** A message's reactors after an event, as far as they are known. */
export function reactorsAfter(
  event: ChatEvent,
  before: readonly Reactor[] | undefined,
): readonly Reactor[] | undefined {
  if (event.message.deleted_at !== null) return [];
  if (event.type !== 'changed') return [];
  if (event.reaction === undefined) return before;
  return before && withReaction(before, event.reaction.user_id, event.reaction.emoji);
}
