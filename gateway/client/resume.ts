import { createBackoff } from './backoff.ts';
import type { Chats } from './chats.ts';
import { asClientError, type ClientError } from './client-error.ts';
import type { Platform } from './platform.ts';
import type { ReadMarks } from './reads.ts';
import type { Requests } from './requests.ts';
import type { Settings } from './settings.ts';

/** Brings a client up to date after each connect and each `resync`: `sync`, page by page. */
export interface Resume {
  readonly idle: boolean;
  /** Asks for everything that differs; once more when it is being asked already. */
  start(): void;
  down(): void;
}

export interface ResumeParts {
  platform: Platform;
  settings: Settings;
  requests: Requests;
  chats: Chats;
  reads: ReadMarks;
  on: { done(): void; problem(error: ClientError): void };
}

/** Chats named in one `sync`: with the longest possible numbers they still fit a frame. The others come back whole. */
const chatsSent = 800;
/** 500 chats a page: far beyond any user, but a bound. */
const mostPages = 400;

export function createResume(parts: ResumeParts): Resume {
  const { platform, settings, requests, chats, reads, on } = parts;
  const backoff = createBackoff(platform, settings);
  let run = 0;
  let running = false;
  let again = false;
  let cancelWait = () => {};

  async function sync(mine: number) {
    running = true;
    again = false;
    chats.syncing();
    try {
      await pages(mine);
      if (mine !== run) return;
      backoff.reset();
      running = false;
      if (again) return void sync(mine);
      chats.synced();
      on.done();
    } catch (thrown) {
      if (mine !== run) return;
      const error = asClientError(thrown);
      if (!error.retryable && error.code !== 'timeout') on.problem(error);
      const ms = Math.max(backoff.next(), error.retry_after_ms ?? 0);
      cancelWait = platform.after(ms, () => void sync(mine));
    }
  }

  async function pages(mine: number) {
    const held = chats.held();
    const sent = Object.fromEntries(
      [...held]
        .slice(0, chatsSent)
        .map(([chatId, seq]) => [chatId, [seq, reads.mark(chatId)] as [number, number]]),
    );
    const listed = new Set<string>();
    let cursor: string | undefined;
    for (let page = 0; page < mostPages; page++) {
      const answer = await requests.now('sync', { chats: sent, ...(cursor !== undefined && { cursor }) });
      if (mine !== run) return;
      for (const entry of answer.chats) {
        listed.add(entry.chat.id);
        chats.entry(entry, held.get(entry.chat.id));
        reads.synced(entry.chat.id, entry.read);
      }
      for (const chatId of answer.gone) chats.gone(chatId);
      cursor = answer.next_cursor;
      if (cursor === undefined) break;
    }
    // Chats that found no place in the request are always listed while one is in them.
    for (const chatId of [...held.keys()].slice(chatsSent)) if (!listed.has(chatId)) chats.gone(chatId);
  }

  return {
    get idle() {
      return !running;
    },
    start() {
      if (running) again = true;
      else void sync(++run);
    },
    down() {
      run++;
      running = false;
      cancelWait();
    },
  };
}
