import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Member } from '../../ops/broker/membership.ts';
import { endWithUs } from '../../ops/cluster/child.ts';
import { untilStopped } from '../../ops/process/until-stopped.ts';

export type ToDistant =
  | { type: 'answer'; number: number; reply: unknown }
  | { type: 'block'; ms: number }
  | { type: 'drain' | 'leave' | 'mumble' };

export type FromDistant =
  | { type: 'ready' }
  | { type: 'blocking' }
  | { type: 'members'; members: readonly Member[] }
  | { type: 'ask'; number: number; action: string; params: object; budgetMs: number; trace?: string };

export interface DistantOptions {
  node: string;
  natsUrl: string;
  namespace?: string;
  roles?: readonly string[];
  /** Answers what its door of actors is asked. */
  door?(action: string, params: object, budgetMs: number, trace?: string): Promise<unknown>;
  /** Told of each view of the cluster that it has. */
  seen?(members: readonly Member[]): void;
}

/** A node whose broker is in another process: signals to it are what happens to a machine. */
export interface DistantNode {
  readonly node: string;
  /** Every view of the cluster that it has had. */
  readonly views: (readonly Member[])[];
  /** SIGSTOP; resolves when it does nothing any more. */
  pause(): Promise<void>;
  resume(): void;
  kill(): Promise<void>;
  say(message: ToDistant): void;
  /** Blocks its event loop for so long; resolves when that begins. */
  block(ms: number): Promise<void>;
  /** Resolves when it has ended. */
  gone(): Promise<void>;
}

const startMs = 20_000;

/** Rejects, and leaves nothing behind, where it is not ready within 20 s. */
export async function startDistantNode(options: DistantOptions): Promise<DistantNode> {
  const { node, natsUrl, namespace = '', roles = [], door, seen } = options;
  const script = join(import.meta.dirname, 'distant-program.ts');
  const child: ChildProcess = fork(script, [node, natsUrl, namespace, roles.join(',')], { stdio: 'inherit' });
  endWithUs(child);
  const ended = once(child, 'exit').then(() => {});
  const views: (readonly Member[])[] = [];
  const blocks: (() => void)[] = [];
  const say = (message: ToDistant) => {
    if (child.connected) child.send(message, () => {});
  };
  const ready = new Promise<void>((resolve, reject) => {
    child.on('message', (message: FromDistant) => {
      if (message.type === 'ready') resolve();
      else if (message.type === 'blocking') blocks.shift()?.();
      else if (message.type === 'members') {
        views.push(message.members);
        seen?.(message.members);
      } else {
        const { number, action, params, budgetMs, trace } = message;
        void door?.(action, params, budgetMs, trace).then((reply) => say({ type: 'answer', number, reply }));
      }
    });
    void ended.then(() => reject(new Error(`${node} ended before it was ready`)));
  });
  let late: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    late = setTimeout(() => reject(new Error(`${node} is not ready`)), startMs);
  });
  await Promise.race([ready, tooLate])
    .catch((error: unknown) => {
      child.kill('SIGKILL');
      throw error;
    })
    .finally(() => clearTimeout(late));
  return {
    node,
    views,
    async pause() {
      child.kill('SIGSTOP');
      await untilStopped(child.pid ?? 0);
    },
    resume: () => void child.kill('SIGCONT'),
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
    say,
    block(ms) {
      say({ type: 'block', ms });
      return new Promise((begun) => void blocks.push(begun));
    },
    gone: () => ended,
  };
}
