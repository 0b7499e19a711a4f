import type { Message } from '../../schemas/chat/wire.ts';
import { limits } from '../../schemas/limits.ts';
import { type Backoff, createBackoff } from './backoff.ts';
import type { ChatStream } from './chat-stream.ts';
import { asClientError, ClientError } from './client-error.ts';
import type { Platform } from './platform.ts';
import type { Requests } from './requests.ts';
import type { Settings } from './settings.ts';

/** Fetches what chats have missed: `history {after}`, page by page, a few chats at a time. */
export interface Repair {
  readonly idle: boolean;
  /** The chat is behind; at least up to `head`, where that is known. */
  need(chatId: string, head?: number): void;
  /** It may be behind by something that happened until now: an answer that is under way is too old to tell. */
  recheck(chatId: string): void;
  /** Forgets what was fetched: the chat's stream begins elsewhere now. */
  drop(chatId: string): void;
  ready(): void;
  down(): void;
}

export interface RepairParts {
  platform: Platform;
  settings: Settings;
  requests: Requests;
  stream(chatId: string): ChatStream | undefined;
  on: {
    /** The server does not show this chat to the user any more. */
    gone(chatId: string): void;
    reset(chatId: string, head: number): void;
    /** Nothing is left to repair. */
    idle(): void;
    problem(error: ClientError): void;
  };
}

/** Pages are kept until the last one, because a message that was changed often comes late among them. */
interface Job {
  chatId: string;
  found: Map<number, Message>;
  /** Where the next page begins; what the stream holds, until there was a first page. */
  after: number | undefined;
  /** The head that must be reached. */
  goal: number;
  running: boolean;
  /** Ask once more when this is done. */
  again: boolean;
  cancelWait: (() => void) | undefined;
  backoff: Backoff;
}

export function createRepair({ platform, settings, requests, stream, on }: RepairParts): Repair {
  const jobs = new Map<string, Job>();
  let online = false;
  /** The connection asks too much: every chat waits. */
  let cancelPause: (() => void) | undefined;

  function start(chatId: string): Job {
    const job: Job = {
      chatId,
      found: new Map(),
      after: undefined,
      goal: 0,
      running: false,
      again: false,
      cancelWait: undefined,
      backoff: createBackoff(platform, settings),
    };
    jobs.set(chatId, job);
    return job;
  }

  function pump() {
    let running = 0;
    for (const job of jobs.values()) if (job.running) running++;
    for (const job of jobs.values()) {
      if (!online || cancelPause !== undefined || running >= settings.repairsAtOnce) return;
      if (job.running || job.cancelWait !== undefined) continue;
      running++;
      void run(job);
    }
  }

  async function run(job: Job) {
    job.running = true;
    try {
      while (await page(job));
    } catch (thrown) {
      const error = asClientError(thrown);
      if (jobs.get(job.chatId) === job) failed(job, error);
    } finally {
      job.running = false;
    }
    if (jobs.size === 0) on.idle();
    pump();
  }

  /** One page; true when another must follow. */
  async function page(job: Job): Promise<boolean> {
    const { chatId, found } = job;
    const before = stream(chatId);
    if (before === undefined) return done(job);
    const after = job.after ?? before.held;
    const answer = await requests.now('history', { chat_id: chatId, after, limit: limits.history });
    const chat = stream(chatId);
    if (jobs.get(chatId) !== job || chat === undefined) return done(job);
    if (answer.head < after) {
      // Ours is not a copy of what the server has: it goes on from there.
      return done(job, () => on.reset(chatId, answer.head));
    }
    for (const message of answer.messages)
      if (message.changed_seq > (found.get(message.seq)?.changed_seq ?? 0)) found.set(message.seq, message);
    if (found.size > settings.repairLimit) return done(job, () => on.reset(chatId, answer.head));
    if (answer.has_more) {
      const last = answer.messages.at(-1)?.changed_seq ?? after;
      if (last <= after) throw new ClientError({ code: 'internal', reason: 'history_stands_still' });
      job.after = last;
      return true;
    }
    const { goal } = job;
    return done(job, () => {
      chat.repaired(found.values(), answer.head);
      if (chat.held < goal || chat.gap) later(chatId, job.backoff, goal);
      else if (job.again) start(chatId);
    });
  }

  function done(job: Job, then = () => {}): false {
    if (jobs.get(job.chatId) === job) {
      jobs.delete(job.chatId);
      then();
    }
    return false;
  }

  /** The history ended below what is known to exist: asks again, but not in a hurry. */
  function later(chatId: string, backoff: Backoff, goal: number) {
    const job = jobs.get(chatId) ?? start(chatId);
    job.goal = goal;
    job.backoff = backoff;
    wait(job, backoff.next());
  }

  function failed(job: Job, error: ClientError) {
    if (error.reason === 'disconnected' || error.reason === 'not_connected') return; // `ready` goes on
    if (['not_found', 'forbidden', 'gone'].includes(error.code)) {
      done(job, () => on.gone(job.chatId));
      return;
    }
    if (!error.retryable && error.code !== 'timeout') on.problem(error);
    const ms = Math.max(job.backoff.next(), error.retry_after_ms ?? 0);
    wait(job, ms);
    if (error.code === 'rate_limited')
      cancelPause ??= platform.after(ms, () => {
        cancelPause = undefined;
        pump();
      });
  }

  function wait(job: Job, ms: number) {
    job.cancelWait?.();
    job.cancelWait = platform.after(ms, () => {
      job.cancelWait = undefined;
      pump();
    });
  }

  return {
    get idle() {
      return jobs.size === 0;
    },
    need(chatId, head) {
      const job = jobs.get(chatId) ?? start(chatId);
      job.goal = Math.max(job.goal, head ?? 0);
      pump();
    },
    recheck(chatId) {
      const job = jobs.get(chatId) ?? start(chatId);
      job.again = job.running;
      pump();
    },
    drop(chatId) {
      jobs.get(chatId)?.cancelWait?.();
      jobs.delete(chatId);
    },
    ready() {
      online = true;
      pump();
    },
    down() {
      online = false;
      cancelPause?.();
      cancelPause = undefined;
      for (const job of jobs.values()) {
        job.cancelWait?.();
        job.cancelWait = undefined;
      }
    },
  };
}
