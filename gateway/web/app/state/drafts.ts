import { type Signal, signal } from '@preact/signals';

/** What the user is writing in one chat. */
export interface Draft {
  text: string;
  /** The seq that it answers. */
  replyTo?: number;
  /** The seq that it changes. */
  editing?: number;
}

const drafts = new Map<string, Signal<Draft>>();

export function draftOf(chatId: string): Signal<Draft> {
  const found = drafts.get(chatId) ?? signal<Draft>({ text: '' });
  drafts.set(chatId, found);
  return found;
}

export function forgetDrafts(): void {
  drafts.clear();
}
