import type { ChatEntry } from '../../schemas/chat/wire.ts';
import { fail } from '../../schemas/errors.ts';
import { limits } from '../../schemas/limits.ts';
import { compareActivity } from './activity.ts';
import { decodePlace, encodePlace } from './cursors.ts';
import type { Overview } from './views.ts';

/**
 * The pages of one `sync`: down from the newest activity, and at the end once more up through what has
 * become active since the first page (it moved to the top, where pages had been before). A chat may come
 * twice, the later one being newer; none is left out.
 */
type Place = { way: 'down'; began: string; at: string; id: string } | { way: 'up'; at: string; id: string };

/** Clocks of nodes may differ by this much. */
const skewMs = 5000;

/** Entries made at once, so that a page of long messages is not made in vain. */
const chunk = 100;

export async function takeSyncPage(
  chats: readonly Overview[],
  cursor: string | undefined,
  differs: (chat: Overview) => boolean,
  entriesOf: (chats: readonly Overview[]) => Promise<ChatEntry[]>,
): Promise<{ chats: ChatEntry[]; next_cursor?: string }> {
  const down = [...chats].sort(compareActivity);
  const place = cursor === undefined ? undefined : decode(cursor);
  const began = place?.way === 'down' ? place.began : (down[0]?.active_at ?? '');
  const steps = walk(down, place, began).filter(({ chat }) => differs(chat));
  const page: ChatEntry[] = [];
  let room: number = limits.page;
  for (let start = 0; start < steps.length; start += chunk) {
    const some = steps.slice(start, start + chunk);
    const entries = await entriesOf(some.map(({ chat }) => chat));
    for (const [at, entry] of entries.entries()) {
      room -= Buffer.byteLength(JSON.stringify(entry)) + 1;
      const before = steps[start + at - 1];
      if ((room < 0 || page.length === limits.syncChats) && before !== undefined)
        return { chats: page, next_cursor: encode(before.place) };
      page.push(entry);
    }
  }
  return { chats: page };
}

interface Step {
  chat: Overview;
  /** The place that this chat ends. */
  place: Place;
}

/** Everything that is still to be told, in order. */
function walk(down: readonly Overview[], place: Place | undefined, began: string): Step[] {
  const stepDown = (chat: Overview): Step => {
    return { chat, place: { way: 'down', began, at: chat.active_at, id: chat.row.id } };
  };
  const stepUp = (chat: Overview): Step => {
    return { chat, place: { way: 'up', at: chat.active_at, id: chat.row.id } };
  };
  if (place === undefined) return down.map(stepDown);
  const up = down.toReversed();
  if (place.way === 'up') return up.filter((chat) => isAbove(chat, place.at, place.id)).map(stepUp);
  const rest = down.filter((chat) => !isAbove(chat, place.at, place.id) && chat.row.id !== place.id);
  const since = new Date(Date.parse(place.began) - skewMs).toISOString();
  return [...rest.map(stepDown), ...up.filter((chat) => isAbove(chat, since, '')).map(stepUp)];
}

function isAbove({ active_at, row }: Overview, at: string, id: string): boolean {
  return active_at > at || (active_at === at && row.id > id);
}

function encode(place: Place): string {
  return place.way === 'down'
    ? encodePlace('d', place.began, place.at, place.id)
    : encodePlace('u', place.at, place.id);
}

/** Throws `invalid` (`bad_cursor`). */
function decode(cursor: string): Place {
  const [way] = Buffer.from(cursor, 'base64url').toString();
  if (way === 'u') {
    const [at = '', id = ''] = decodePlace('u', cursor, 2);
    return { way: 'up', at: time(at), id };
  }
  const [began = '', at = '', id = ''] = decodePlace('d', cursor, 3);
  return { way: 'down', began: time(began), at: time(at), id };
}

function time(text: string): string {
  if (Number.isNaN(Date.parse(text))) throw fail('invalid', { reason: 'bad_cursor' });
  return text;
}
