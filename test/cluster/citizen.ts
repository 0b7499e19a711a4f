import type { Client, Message } from 'suhbat/client';
import { eventually } from '../support/eventually.ts';
import type { Recorder } from '../support/recorder.ts';

/** One person, who is in some chats and writes to them at a steady pace; or a device, which only listens. */
export interface Citizen {
  username: string;
  client: Client;
  recorder: Recorder;
  chats: readonly string[];
  /** By chat: how far the one had seen it in whose place he came. */
  from?: ReadonlyMap<string, number>;
  /** Sends without an end yet. */
  waiting: number;
  /** His login has ended: he says and asks nothing until he is back. */
  out?: true;
}

export function seenBy({ recorder, from }: Citizen, chat: string): number {
  return Math.max(recorder.seen(chat), from?.get(chat) ?? 0);
}

/** The messages of each chat. */
export type Histories = Map<string, Message[]>;

/** Waits until each of them was told all that his chats have; gives the whole histories. Rejects after so long. */
export async function caughtUp(
  listeners: () => readonly Citizen[],
  read: () => Promise<Histories>,
  withinMs: number,
): Promise<Histories> {
  const until = performance.now() + withinMs;
  for (;;) {
    const whole = await read();
    const heads = new Map([...whole].map(([chat, all]) => [chat, headOf(all)]));
    await eventually(() => behind(listeners(), heads), Math.max(1, until - performance.now()));
    if (!outdated(listeners(), heads) || performance.now() > until) return whole;
  }
}

function behind(listeners: readonly Citizen[], heads: ReadonlyMap<string, number>): string | true {
  for (const one of listeners)
    for (const chat of one.chats) {
      const seen = seenBy(one, chat);
      const head = heads.get(chat) ?? 0;
      if (seen < head) return `${one.recorder.name} was told ${seen} of ${head} in ${chat}`;
    }
  return true;
}

/** Something of unknown outcome was done after the histories had been read. */
function outdated(listeners: readonly Citizen[], heads: ReadonlyMap<string, number>): boolean {
  return listeners.some(({ recorder, chats }) =>
    chats.some((chat) => recorder.seen(chat) > (heads.get(chat) ?? 0)),
  );
}

function headOf(messages: readonly Message[]): number {
  return messages.reduce((head, { changed_seq }) => Math.max(head, changed_seq), 0);
}
