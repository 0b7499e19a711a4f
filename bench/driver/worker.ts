import { nowUs } from './clock.ts';
import { dialects } from './dialect.ts';
import { clientFrame } from './frames.ts';
import { newHistogram, pack, record } from './histogram.ts';
import type { Answer, Connected, Counts, Job } from './jobs.ts';
import { Load } from './load.ts';
import { LoadSocket } from './socket.ts';

/** One process of the load driver: does the jobs that the bench sends, one after the other. */

let sockets: LoadSocket[] = [];
let load: Load | undefined;
let lost = 0;
let lastLoss = '';

function loss(why: string): void {
  lost++;
  lastLoss = why;
}

async function connectAll(job: Extract<Job, { do: 'connect' }>): Promise<Connected> {
  const dialect = dialects[job.dialect];
  const begin = nowUs();
  const ready = newHistogram();
  const base = sockets.length;
  let failed = 0;
  let next = 0;
  const connectNext = async (): Promise<void> => {
    for (let at = next++; at < job.clients.length; at = next++) {
      const client = job.clients[at];
      if (client === undefined) return;
      const there = await new Promise<boolean>((resolve) => {
        const socket = new LoadSocket(job.port, dialect, client, {
          onReady() {
            if (job.sync && dialect.sync !== undefined) socket.write(clientFrame(dialect.sync));
            else resolve(true);
          },
          onSynced: () => resolve(true),
          onAck: (id) => load?.onAck(id),
          onRefusal: (id) => load?.onRefusal(id),
          onDelivery: (bytes, from, to) => load?.onDelivery(bytes, from, to),
          onLost(why) {
            loss(why);
            resolve(false);
          },
        });
        sockets[base + at] = socket;
      });
      if (there) record(ready, nowUs() - begin);
      else failed++;
    }
  };
  await Promise.all(Array.from({ length: Math.min(job.atOnce, job.clients.length) }, connectNext));
  return { ready: pack(ready), failed };
}

function counts(): Counts {
  const {
    sent = 0,
    acked = 0,
    refused = 0,
    delivered = 0,
    ack = newHistogram(),
    deliver = newHistogram(),
    answers = [],
  } = load ?? {};
  return {
    at: nowUs(),
    sent,
    acked,
    refused,
    delivered,
    lost,
    ack: pack(ack),
    deliver: pack(deliver),
    answers,
  };
}

async function work(job: Job): Promise<Answer> {
  if (job.do === 'connect') {
    const connected = await connectAll(job);
    return connected.failed === 0
      ? { connected }
      : { error: `${connected.failed} sockets failed: ${lastLoss}` };
  }
  if (job.do === 'load') {
    const { senders, pattern, textBytes, acks, trace } = job;
    load = new Load({ dialect: dialects[dialect], sockets, senders, pattern, textBytes, acks, trace });
    load.start();
  } else if (job.do === 'mark') {
    load?.reset();
    lost = 0;
  } else if (job.do === 'read') return { counts: counts() };
  else if (job.do === 'halt') await load?.halt();
  else {
    for (const socket of sockets) socket.close();
    sockets = [];
    load = undefined;
  }
  return { done: true };
}

let dialect: keyof typeof dialects = 'plain';
let turn = Promise.resolve();
process.on('message', (job: Job) => {
  if (job.do === 'connect') dialect = job.dialect;
  turn = turn.then(async () => {
    const answer = await work(job).catch((error: unknown): Answer => ({ error: String(error) }));
    process.send?.(answer);
  });
});
// The bench has gone.
process.once('disconnect', () => process.exit(0));
