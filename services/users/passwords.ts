import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { fail } from '../../schemas/errors.ts';
import { limits } from '../../schemas/limits.ts';
import type { PasswordTask } from './password-worker.ts';

/** Password hashing with bcrypt, off the event loop. */
export interface Passwords {
  /**
   * Throws `unprocessable` (`password_too_long`, `password_too_short`, `password_bad_text`) for what may
   * not become a password, `rate_limited` when too many wait.
   */
  hash(password: string): Promise<string>;
  /**
   * Does the password have this hash? `null` stands for a user who does not exist or has no password:
   * the answer is no, after the same work. Throws `rate_limited` when too many wait.
   */
  matches(password: string, hash: string | null): Promise<boolean>;
  /** Hashes being made or waiting. */
  pending(): number;
  /** What still waits is refused as `unavailable`. */
  close(): Promise<void>;
}

export interface PasswordOptions {
  /** Each step doubles the work. Default 12. */
  cost?: number;
  /** Default 1: on a small machine a second one would only take the other core from the chats. */
  threads?: number;
  /** How many may wait per thread; the last one waits this many times 0.28 s. Default 16. */
  queue?: number;
  /** Milliseconds after which nobody waits for a hash any more: who would wait longer is refused at once. */
  patienceMs?: number;
  /** A hash was made or compared; seconds from the call on. */
  onHash?: (seconds: number) => void;
  /** One was refused because too many wait. */
  onRefusal?: () => void;
}

/** Milliseconds of one hash, until the first one was measured. */
const expectedMs = 300;
/** How much of the estimate the newest hash makes. */
const newest = 0.3;
const shortest = 8;

export function createPasswords(options: PasswordOptions = {}): Passwords {
  const {
    cost = 12,
    threads = 1,
    queue = 16,
    patienceMs = Number.POSITIVE_INFINITY,
    onHash,
    onRefusal,
  } = options;
  const pool = new Piscina<PasswordTask, string | boolean>({
    filename: fileURLToPath(new URL('./password-worker.ts', import.meta.url)),
    minThreads: threads,
    maxThreads: threads,
    // Chats come first where cores are few (Linux only; elsewhere nothing happens).
    niceIncrement: 10,
    recordTiming: false,
  });
  const nobody = unmatchable(cost);
  let closed = false;
  let pending = 0;
  /** Milliseconds between the ends of two hashes while there are some to make; and when the last one ended. */
  let intervalMs = expectedMs;
  let endedAt = 0;

  async function run<Reply extends string | boolean>(task: PasswordTask): Promise<Reply> {
    if (closed) throw fail('unavailable', { reason: 'stopping' });
    if (pending >= threads * (queue + 1) || (pending > 0 && intervalMs * (pending + 1) > patienceMs)) {
      onRefusal?.();
      const retry_after_ms = Math.max(1000, Math.ceil(intervalMs * pending));
      throw fail('rate_limited', { reason: 'too_many_logins', retry_after_ms });
    }
    pending++;
    const started = performance.now();
    try {
      return (await pool.run(task)) as Reply;
    } catch (error) {
      throw closed ? fail('unavailable', { reason: 'stopping' }) : error;
    } finally {
      pending--;
      const now = performance.now();
      intervalMs += newest * (now - Math.max(started, endedAt) - intervalMs);
      endedAt = now;
      onHash?.((now - started) / 1000);
    }
  }

  return {
    async hash(password) {
      refuseUnfit(password);
      return run<string>({ password, cost });
    },
    async matches(password, hash) {
      const fit = Buffer.byteLength(password) <= limits.passwordBytes && !password.includes('\0');
      const same = await run<boolean>({ password, hash: (fit && hash) || nobody });
      return same && fit && hash !== null;
    },
    pending: () => pending,
    close() {
      closed = true;
      return pool.destroy();
    },
  };
}

/** bcrypt reads 72 bytes and stops at U+0000: what lies behind would not protect anything. */
function refuseUnfit(password: string): void {
  if (password.includes('\0'))
    throw fail('unprocessable', { reason: 'password_bad_text', detail: 'A password cannot hold U+0000' });
  if ([...password].length < shortest)
    throw fail('unprocessable', {
      reason: 'password_too_short',
      detail: `A password has at least ${shortest} characters`,
    });
  if (Buffer.byteLength(password) > limits.passwordBytes)
    throw fail('unprocessable', {
      reason: 'password_too_long',
      detail: `A password has at most ${limits.passwordBytes} bytes in UTF-8`,
    });
}

/** A hash of nothing that anybody knows: it costs the work of a real one and matches no password. */
function unmatchable(cost: number): string {
  // 22 characters of salt and 31 of hash in bcrypt's alphabet, which hexadecimal is a part of.
  const saltAndHash = randomBytes(27).toString('hex').slice(0, 53);
  return `$2b$${String(cost).padStart(2, '0')}$${saltAndHash}`;
}
