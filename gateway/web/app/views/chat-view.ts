import type { Message } from '../../../client/index.ts';
import type { ChatModel } from '../state/model.ts';
import type { Session } from '../state/session.ts';

/** What the parts of an open chat share. */
export interface ChatView {
  readonly session: Session;
  readonly chat: ChatModel;
  /** Scrolls to a message, however old. */
  jump(seq: number): void;
  /** The menu of a message, near the element that asked for it. */
  openMenu(message: Message, near: HTMLElement): void;
  reply(message: Message): void;
  edit(message: Message): void;
  /** Sets or takes back this user's reaction. */
  react(message: Message, emoji: string): void;
  /** Puts the focus into the composer. */
  write(): void;
}
