import type { EventFields } from '../../schemas/frames/server.ts';
import type { Platform } from './platform.ts';

/** Who types, by the others' word. Ends by itself: the frame that says so may be lost. */
export interface Typing {
  arrived(event: EventFields<'typing'>): void;
  /** A message of this user came. */
  ended(chatId: string, userId: string): void;
  close(): void;
}

const typingMs = 6_000;
/** Beyond this many the oldest ends early. */
const mostTyping = 1_000;

export function createTyping(
  platform: Pick<Platform, 'after'>,
  emit: (event: EventFields<'typing'>) => void,
): Typing {
  const active = new Map<string, { event: EventFields<'typing'>; cancel: () => void }>();

  function end(key: string) {
    const one = active.get(key);
    if (one === undefined) return;
    one.cancel();
    active.delete(key);
    emit({ ...one.event, active: false });
  }

  return {
    arrived(event) {
      const key = `${event.chat_id} ${event.user_id}`;
      if (!event.active) return end(key);
      const known = active.get(key);
      known?.cancel();
      active.delete(key);
      active.set(key, { event, cancel: platform.after(typingMs, () => end(key)) });
      if (known === undefined) emit(event);
      const [oldest] = active.keys();
      if (active.size > mostTyping && oldest !== undefined) end(oldest);
    },
    ended: (chatId, userId) => end(`${chatId} ${userId}`),
    close() {
      for (const { cancel } of active.values()) cancel();
      active.clear();
    },
  };
}
