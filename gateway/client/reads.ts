import { createBackoff } from './backoff.ts';
import { asClientError, type ClientError } from './client-error.ts';
import type { Platform } from './platform.ts';
import type { Requests } from './requests.ts';
import type { Settings } from './settings.ts';

/** The user's own read marks: they only grow, the newest wins, and one per chat is under way at a time. */
export interface ReadMarks {
  /** How far the user has read, as far as this client knows; 0 when it does not. */
  mark(chatId: string): number;
  /** The user has read up to `seq`. */
  read(chatId: string, seq: number): void;
  /** The server holds at least this: by another device's `read`, or because one's own message was acked. */
  learned(chatId: string, seq: number): void;
  /** The server holds exactly this; a crash may have cost it the newest marks. */
  synced(chatId: string, seq: number): void;
  forget(chatId: string): void;
  ready(): void;
  down(): void;
}

interface Mark {
  seq: number;
  /** What the server is known to hold. */
  told: number;
  sending: boolean;
}

export interface ReadMarksParts {
  platform: Platform;
  settings: Settings;
  requests: Requests;
  held: Iterable<[string, number]> | undefined;
  problem(error: ClientError): void;
}

export function createReadMarks({ platform, settings, requests, held, problem }: ReadMarksParts): ReadMarks {
  const marks = new Map<string, Mark>();
  for (const [chatId, seq] of held ?? []) marks.set(chatId, { seq, told: seq, sending: false });
  const backoff = createBackoff(platform, settings);
  let online = false;
  let cancelWait: (() => void) | undefined;

  function markOf(chatId: string): Mark {
    const mark = marks.get(chatId) ?? { seq: 0, told: 0, sending: false };
    marks.set(chatId, mark);
    return mark;
  }

  async function push(chatId: string, mark: Mark): Promise<void> {
    if (!online || cancelWait !== undefined || mark.sending || mark.seq <= mark.told) return;
    const { seq } = mark;
    mark.sending = true;
    try {
      await requests.now('read', { chat_id: chatId, seq });
      mark.told = Math.max(mark.told, seq);
      backoff.reset();
    } catch (thrown) {
      const error = asClientError(thrown);
      if (error.retryable || error.code === 'timeout') later(error);
      else {
        mark.told = Math.max(mark.told, seq); // refused for good: not asked again
        problem(error);
      }
    } finally {
      mark.sending = false;
    }
    return push(chatId, mark);
  }

  function later(error: ClientError) {
    if (!online || cancelWait !== undefined) return;
    cancelWait = platform.after(Math.max(backoff.next(), error.retry_after_ms ?? 0), () => {
      cancelWait = undefined;
      pushAll();
    });
  }

  function pushAll() {
    for (const [chatId, mark] of marks) void push(chatId, mark);
  }

  return {
    mark: (chatId) => marks.get(chatId)?.seq ?? 0,
    read(chatId, seq) {
      const mark = markOf(chatId);
      mark.seq = Math.max(mark.seq, seq);
      void push(chatId, mark);
    },
    learned(chatId, seq) {
      const mark = markOf(chatId);
      mark.seq = Math.max(mark.seq, seq);
      mark.told = Math.max(mark.told, seq);
    },
    synced(chatId, seq) {
      const mark = markOf(chatId);
      mark.seq = Math.max(mark.seq, seq);
      mark.told = seq;
      void push(chatId, mark);
    },
    forget: (chatId) => void marks.delete(chatId),
    ready() {
      online = true;
      pushAll();
    },
    down() {
      online = false;
      cancelWait?.();
      cancelWait = undefined;
    },
  };
}
