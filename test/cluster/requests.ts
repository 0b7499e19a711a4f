import type { Client, ClientError } from 'suhbat/client';
import { wordsOf } from '../support/recorder.ts';

export interface RequestParts {
  /** Somebody who is logged in, and a chat of his. */
  citizen(): { client: Client; chat: string } | undefined;
  /** In no chat of the town: nobody judges what he hears. */
  visitor: Client;
  /** Of users whom he asks about. */
  ids: readonly string[];
  random(): number;
}

export interface RequestWatch {
  stop(): void;
  /** Why, of each request that has failed, or was answered and then was not so. */
  failed(): Promise<string[]>;
}

const askEveryMs = 25;

/**
 * Asks for what is no message, in turns and over both ways in: reads, presence, chats and profiles. Of each kind one
 * waits at a time.
 */
export function watchRequests({ citizen, visitor, ids, random }: RequestParts): RequestWatch {
  const failed: string[] = [];
  const open = new Map<string, Promise<unknown>>();
  const groups: string[] = [];
  /** What was said last, and taken. */
  const about = new Map<string, string>();
  let bio = '';
  let count = 0;

  const oneOf = <T>(items: readonly T[]) => items[Math.floor(random() * items.length)];
  const somebody = () => oneOf(ids) ?? '';

  const kinds: Record<string, () => Promise<unknown> | undefined> = {
    history() {
      const one = citizen();
      return one?.client.history(one.chat, { limit: 20 });
    },
    async createGroup() {
      groups.push((await visitor.createGroup({ title: `Room ${count}` })).id);
    },
    async updateChat() {
      const [group, words] = [oneOf(groups), `about ${count}`];
      if (group === undefined) return;
      await visitor.updateChat(group, { about: words });
      about.set(group, words);
    },
    async chat() {
      const group = oneOf(groups);
      if (group !== undefined) await visitor.chat(group);
    },
    watchPresence: () => visitor.watchPresence([somebody()]),
    me: () => visitor.me(),
    user: () => visitor.user(somebody()),
    searchUsers: () => visitor.searchUsers('citizen'),
    async updateProfile() {
      const words = `bio ${count}`;
      await visitor.updateProfile({ bio: words });
      bio = words;
    },
  };
  const names = Object.keys(kinds);

  function ask(name: string): void {
    if (open.has(name)) return;
    const asking = Promise.resolve(kinds[name]?.())
      .catch((error: ClientError) => failed.push(`${name}: ${wordsOf(error)}`))
      .finally(() => open.delete(name));
    open.set(name, asking);
  }

  const asking = setInterval(() => ask(names[count++ % names.length] as string), askEveryMs);

  async function standing(): Promise<string[]> {
    const found: string[] = [];
    const { profile } = await visitor.profile();
    if (bio !== '' && profile.bio !== bio) found.push(`the bio is ${profile.bio}, and ${bio} was taken`);
    for (const [group, words] of about) {
      const { chat } = await visitor.chat(group);
      if (chat.about !== words) found.push(`${group} is about ${chat.about}, and ${words} was taken`);
    }
    return found;
  }

  return {
    stop: () => clearInterval(asking),
    async failed() {
      await Promise.all(open.values());
      // A change of unknown outcome may stand in place of one that was taken.
      return failed.length > 0 ? failed : standing();
    },
  };
}
