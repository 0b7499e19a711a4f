import type { Actors, Result } from '../../actors/client/ask.ts';
import { type Clock, sleep } from '../../ops/process/clock.ts';
import { awaitsOperator, type ErrorCode } from '../../schemas/errors.ts';

/** What the owner says of one user in one chat; `waiting`: for an operator, as the whole chat does. */
export type Membership = { member: boolean; member_seq: number } | 'waiting';

/** Commands in one ask. */
const atOnce = 200;
const attempts = 8;
const firstPauseMs = 100;

/** Refusals that are an answer: whoever gets one is no member. */
const refusedMember: readonly ErrorCode[] = ['not_found', 'forbidden', 'gone'];

/**
 * Asks a chat's owner which of these users are members, again and again while it cannot answer (about 25
 * seconds). Who is missing in the answer could not be asked about.
 */
export async function askMembership(
  actors: Actors,
  clock: Clock,
  chatId: string,
  userIds: readonly string[],
): Promise<Map<string, Membership>> {
  const known = new Map<string, Membership>();
  let open = userIds;
  for (let attempt = 0; attempt < attempts && open.length > 0; attempt++) {
    if (attempt > 0) await sleep(clock, firstPauseMs * 2 ** attempt);
    const page = open.slice(0, atOnce);
    const results = await actors.ask(
      'chat',
      chatId,
      page.map((by) => ({ type: 'chat.entry', by, lean: true })),
    );
    for (const [at, userId] of page.entries()) {
      const membership = read(results[at]);
      // That may last for hours.
      if (membership === 'waiting')
        return new Map([...open.map((id) => [id, membership] as const), ...known]);
      if (membership !== undefined) known.set(userId, membership);
    }
    open = open.filter((userId) => !known.has(userId));
    // Every page that brings something starts the count anew: a large chat takes several.
    if (page.some((userId) => known.has(userId))) attempt = -1;
  }
  return known;
}

function read(result: Result | undefined): Membership | undefined {
  if (result === undefined) return undefined;
  if ('reply' in result) {
    const { member, member_seq } = result.reply as { member: boolean; member_seq: number };
    return { member, member_seq };
  }
  if (awaitsOperator(result.refusal)) return 'waiting';
  return refusedMember.includes(result.refusal.code) ? { member: false, member_seq: 0 } : undefined;
}
