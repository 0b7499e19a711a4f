import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { DialectName } from './dialect.ts';
import { type Histogram, merge } from './histogram.ts';
import type { Answer, Answered, ClientSpec, Counts, Job, Pattern, Sender } from './jobs.ts';

export interface Measured {
  seconds: number;
  sent: number;
  acked: number;
  refused: number;
  delivered: number;
  lost: number;
  /** Microseconds from when a message was due. */
  ack: Histogram;
  deliver: Histogram;
  /** Each answer by itself, where the load was to be traced. */
  answers: Answered[];
}

/** Longest wait for one answer of a worker. */
const answerMs = 180_000;

/** The load driver: several processes, each with its share of the sockets. */
export class Driver {
  readonly #workers: readonly Worker[];

  constructor(workers = 2) {
    this.#workers = Array.from({ length: workers }, () => new Worker());
  }

  /** Of the processes of the driver. */
  pids(): number[] {
    return this.#workers.map((worker) => worker.process.pid ?? 0);
  }

  /**
   * Microseconds until each client was ready, all beginning at once; Error where one could not connect. Several ports
   * are taken in turn by the workers: with as many of both, clients that stand side by side are on different ones.
   * Clients of a second call count on from those of the first, if there was one for each worker as often as for the others.
   */
  async connect(
    { port, ports = [port], dialect }: { port: number; ports?: readonly number[]; dialect: DialectName },
    clients: readonly ClientSpec[],
    { atOnce = 100, sync = false } = {},
  ): Promise<Histogram> {
    const answers = await this.#all((worker) => ({
      do: 'connect',
      port: ports[worker % ports.length] ?? port,
      dialect,
      clients: this.#share(clients, worker),
      atOnce: Math.ceil(atOnce / this.#workers.length),
      sync,
    }));
    return merge(answers.map((answer) => ('connected' in answer ? answer.connected.ready : '')));
  }

  /** Begins to send. The senders' `client` counts as in `connect`. */
  async load(
    senders: readonly Sender[],
    pattern: Pattern,
    { textBytes = 100, acks = true, trace = false } = {},
  ): Promise<void> {
    const workers = this.#workers.length;
    await this.#all((worker) => {
      const own = senders
        .filter(({ client }) => client % workers === worker)
        .map(({ client, room }) => ({ client: Math.floor(client / workers), room }));
      return {
        do: 'load',
        senders: own,
        pattern:
          'rate' in pattern ? { ...pattern, rate: (pattern.rate * own.length) / senders.length } : pattern,
        textBytes,
        acks,
        trace,
      };
    });
  }

  /** What happens in so many seconds from now. */
  async measure(seconds: number): Promise<Measured> {
    await this.#all(() => ({ do: 'mark' }));
    const begin = performance.now();
    await pause(seconds * 1000);
    const answers = await this.#all(() => ({ do: 'read' }));
    const took = (performance.now() - begin) / 1000;
    const counts = answers.flatMap((answer) => ('counts' in answer ? [answer.counts] : []));
    const sum = (of: (one: Counts) => number) => counts.reduce((total, one) => total + of(one), 0);
    return {
      seconds: took,
      sent: sum((one) => one.sent),
      acked: sum((one) => one.acked),
      refused: sum((one) => one.refused),
      delivered: sum((one) => one.delivered),
      lost: sum((one) => one.lost),
      ack: merge(counts.map((one) => one.ack)),
      deliver: merge(counts.map((one) => one.deliver)),
      answers: counts.flatMap((one) => one.answers),
    };
  }

  async halt(): Promise<void> {
    await this.#all(() => ({ do: 'halt' }));
  }

  async disconnect(): Promise<void> {
    await this.#all(() => ({ do: 'close' }));
  }

  end(): void {
    for (const worker of this.#workers) worker.process.kill('SIGKILL');
  }

  #share<T>(all: readonly T[], worker: number): T[] {
    return all.filter((_, at) => at % this.#workers.length === worker);
  }

  async #all(jobOf: (worker: number) => Job): Promise<Answer[]> {
    return Promise.all(this.#workers.map((worker, at) => worker.ask(jobOf(at))));
  }
}

class Worker {
  readonly process: ChildProcess;
  readonly #ended: Promise<never>;

  constructor() {
    this.process = fork(join(import.meta.dirname, 'worker.ts'), {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#ended = once(this.process, 'exit').then(() => {
      throw new Error('a process of the load driver has ended');
    });
    this.#ended.catch(() => {});
  }

  async ask(job: Job): Promise<Answer> {
    const answered = once(this.process, 'message', { signal: AbortSignal.timeout(answerMs) });
    this.process.send(job);
    const [answer] = (await Promise.race([answered, this.#ended])) as [Answer];
    if ('error' in answer) throw new Error(`the load driver: ${answer.error}`);
    return answer;
  }
}
