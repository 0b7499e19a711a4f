import type { Message } from 'suhbat/client';
import type { Change } from './recorder.ts';

/**
 * Promise 1 of changes: a text, and a user's reaction, is what the last acked change made of it; or what one of unknown
 * outcome made of it, which may come late. What was refused made nothing. Expects that nobody begins a change of a text,
 * or of his reaction, before the one before has ended. One sentence for each breach.
 */
export function checkChanges(messages: ReadonlyMap<number, Message>, changes: readonly Change[]): string[] {
  const things = Map.groupBy(changes, ({ what, target, user_id }) =>
    what === 'text' ? `the text of ${target}` : `the reaction of ${user_id} to ${target}`,
  );
  return [...things].flatMap(([thing, own]) => {
    const [{ what, target, user_id } = {} as Change] = own;
    const message = messages.get(target);
    if (message === undefined) return [`promise 1: ${thing} was changed, but no message is there`];
    const there = what === 'text' ? message.text : reactionOf(message, user_id);
    const allowed = own.filter(({ end }) => end !== 'ok' && end !== 'fail').map(({ value }) => value);
    const acked = own.findLast(({ end }) => end === 'ok');
    if (acked) allowed.push(acked.value);
    // What a text was at first the check of sends knows.
    else if (what === 'reaction') allowed.push(null);
    else if (message.edited_at === null) return [];
    return allowed.includes(there)
      ? []
      : [`promise 1: ${thing} was changed to ${acked?.value}, but is ${there}`];
  });
}

function reactionOf({ reactions }: Message, userId: string): string | null {
  return reactions.find(({ user_ids }) => user_ids.includes(userId))?.emoji ?? null;
}
