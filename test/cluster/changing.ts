import type { Recorder } from '../support/recorder.ts';

interface Written {
  chat: string;
  seq: number;
  author: number;
}

export interface ChangingParts {
  recorderOf(person: number): Recorder;
  /** The user id of each person. */
  ids: readonly string[];
  membersOf(chat: string): readonly number[];
  random(): number;
}

/** More changes than this do not wait at once. */
const openMost = 100;
const emojis = ['👍', '🔥', '😂', null];

/**
 * Texts and reactions of messages that were written, however long ago: most of them are cold, and are read from
 * PostgreSQL before they are changed. Of one text, or of one's reaction to it, one change waits at a time.
 */
export function createChanging({ recorderOf, ids, membersOf, random }: ChangingParts) {
  const written: Written[] = [];
  const open = new Map<string, Promise<unknown>>();
  let number = 0;

  const oneOf = <T>(items: readonly T[]) => items[Math.floor(random() * items.length)];

  return {
    /** It was acked: from now on it may be changed. */
    add(chat: string, seq: number, author: number): void {
      written.push({ chat, seq, author });
    },
    change(): void {
      const message = oneOf(written);
      const edits = random() < 0.5;
      const value = edits ? `change ${++number}` : oneOf(emojis);
      if (message === undefined || value === undefined) return;
      const { chat, seq, author } = message;
      const person = edits ? author : (oneOf(membersOf(chat)) ?? author);
      const key = edits ? `${chat} ${seq}` : `${chat} ${seq} ${person}`;
      if (open.size >= openMost || open.has(key)) return;
      const changing = recorderOf(person).change({
        chat_id: chat,
        target: seq,
        user_id: ids[person] ?? '',
        what: edits ? 'text' : 'reaction',
        value,
      });
      open.set(
        key,
        changing.finally(() => open.delete(key)),
      );
    },
    /** Resolves when each that was begun has ended. */
    async rest(): Promise<void> {
      while (open.size > 0) await Promise.all(open.values());
    },
  };
}
