import { type Signal, signal } from '@preact/signals';
import { type Avatar, type Client, ClientError, type Presence } from '../../../client/index.ts';

/** As much of a user as the page shows. */
export interface Someone {
  id: string;
  username: string;
  display_name: string;
  avatar: Avatar | null;
}

export interface PeopleModel {
  /** Asks the server for who is not known yet; empty names stand for an account that is no more. */
  get(userId: string): Signal<Someone | undefined>;
  learn(users: Iterable<Someone>): void;
  /** This picture cannot be had: its URL is good for an hour only. Asks for the user's newest one. */
  lost(userId: string, url: string): void;
  presence(userId: string): Signal<Presence | undefined>;
  learnPresence(presence: Presence): void;
  /** Whose presence the page wants to know; the first 200 are watched. */
  watch(userIds: string[]): void;
}

const mostWatched = 200;
const askedAtOnce = 4;

export function createPeople(client: Client): PeopleModel {
  const known = new Map<string, Signal<Someone | undefined>>();
  const presences = new Map<string, Signal<Presence | undefined>>();
  const waiting: string[] = [];
  const asked = new Set<string>();
  let asking = 0;
  let watched = '';

  function slot(userId: string): Signal<Someone | undefined> {
    const found = known.get(userId) ?? signal(undefined);
    known.set(userId, found);
    return found;
  }

  function pump() {
    while (asking < askedAtOnce) {
      const userId = waiting.shift();
      if (userId === undefined) return;
      asking++;
      void ask(userId).finally(() => {
        asking--;
        pump();
      });
    }
  }

  async function ask(userId: string) {
    try {
      slot(userId).value = await client.user(userId);
    } catch (error) {
      const gone = error instanceof ClientError && error.code === 'not_found';
      if (gone) slot(userId).value = { id: userId, username: '', display_name: '', avatar: null };
      else asked.delete(userId); // whoever needs the name next asks again
    }
  }

  function askSoon(userId: string) {
    asked.add(userId);
    waiting.push(userId);
    queueMicrotask(pump);
  }

  return {
    get(userId) {
      const found = slot(userId);
      if (found.peek() === undefined && !asked.has(userId)) askSoon(userId);
      return found;
    },
    learn(users) {
      for (const user of users) {
        const found = slot(user.id);
        const before = found.peek();
        if (before === undefined || !looksAlike(before, user)) found.value = user;
      }
    },
    lost(userId, url) {
      if (slot(userId).peek()?.avatar?.thumb_url === url && !waiting.includes(userId)) askSoon(userId);
    },
    presence(userId) {
      const found = presences.get(userId) ?? signal(undefined);
      presences.set(userId, found);
      return found;
    },
    learnPresence(presence) {
      const found = presences.get(presence.user_id) ?? signal(undefined);
      presences.set(presence.user_id, found);
      found.value = presence;
    },
    watch(userIds) {
      const list = [...new Set(userIds)].slice(0, mostWatched);
      const key = list.toSorted().join();
      if (key === watched) return;
      watched = key;
      client
        .watchPresence(list)
        .then((users) => users.forEach(this.learnPresence))
        .catch(() => {}); // the SDK asks again with the next connection
    },
  };
}

function looksAlike(one: Someone, other: Someone): boolean {
  return (
    one.username === other.username &&
    one.display_name === other.display_name &&
    one.avatar?.thumb_url === other.avatar?.thumb_url
  );
}
