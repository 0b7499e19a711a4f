import { setTimeout as pause } from 'node:timers/promises';
import { openJetstreamJournal } from '../../actors/journal/jetstream-journal.ts';
import { type Sample, sampleOf } from '../../ops/cluster/sample.ts';
import { connectNats } from '../../ops/connections/nats.ts';
import { systemClock } from '../../ops/process/clock.ts';
import { lookBelow } from '../support/aftermath.ts';
import { eventually } from '../support/eventually.ts';
import { checkPromises } from '../support/promises.ts';
import type { Fault } from './fault.ts';
import { type Counts, difference, type Figures, type Peaks } from './figures.ts';
import type { Generators } from './generators.ts';
import { openStage, type Stage, type StageOptions } from './stage.ts';
import { fullTown, settle, type Town, type TownPlan } from './town.ts';
import { watchTrims } from './trims.ts';
import { watchCheckpoints, watchNodes } from './watches.ts';

export interface RunOptions extends StageOptions {
  generators: Generators;
  /** What is done, one after the other; those in one list at the same time. */
  plan: Iterable<readonly Fault[]>;
  perSecond?: number;
  town?: TownPlan;
  /** After the faults everything must be well within so long. */
  recoverMs?: number;
  /** Everybody is in their chats; nobody has written yet. */
  onSettled?(): Promise<void>;
  say?(line: string): void;
}

/** What came of one fault. */
export interface FaultReport extends Peaks {
  names: string;
  /** Of the time from its begin to the end of the calm after it. */
  counts: Counts;
  /** The peak of the flush lag in seconds. */
  flushLag: number;
  refusedAppends: number;
  /** Shards that came to a node. */
  moves: number;
}

export interface Report {
  /** One sentence for each broken promise. */
  breaches: string[];
  total: Counts & { heldBack: number; signOuts: number; unsent: number };
  ack: ReturnType<Figures['acks']>;
  /** Of texts and reactions. */
  changes: { begun: number; acked: number };
  faults: FaultReport[];
  complaints: readonly string[];
}

const loadPerSecond = 300;
/** Memory may not stay at more than so much above what it was before the faults. */
const memoryFactor = 1.5;
const memorySlack = 200 * 1024 * 1024;

/** A process that is well says within this what memory it has. */
const answerMs = 20_000;

/** Milliseconds of calm after each fault; twice that before the first one. */
const calmMs = 1200;

/** A cluster of its own under steady load, hurt as planned, and judged by the nine promises. */
export async function runFaults(options: RunOptions): Promise<Report> {
  const { perSecond = loadPerSecond, town: plan = fullTown, recoverMs = 60_000 } = options;
  const { generators, say = () => {} } = options;
  const stage = await openStage(options);
  let town: Town | undefined;
  const watch = watchNodes(stage.cluster);
  const checkpoints = watchCheckpoints(stage.cluster.postgres.url, stage);
  const trims = watchTrims(stage);
  try {
    town = await settle(stage.balancer.url, generators('town'), plan);
    await options.onSettled?.();
    town.write(perSecond);
    await pause(2 * calmMs);
    const before = await memoriesOf(stage);
    const faults: FaultReport[] = [];
    const breaches: string[] = [];
    for (const together of options.plan) {
      const names = together.map(({ name }) => name).join(', while ');
      const begun = town.figures.counts();
      town.figures.reset();
      watch.reset();
      const random = ({ name }: Fault) => generators(`fault ${faults.length}: ${name}`);
      try {
        const alone = together.length === 1;
        await Promise.all(together.map((fault) => fault.run(stage, random(fault), town as Town, alone)));
      } catch (error) {
        // What clients saw up to here is judged all the same.
        breaches.push(`${names}: ${(error as Error).message}`);
        for (const health of await healthsOf(stage)) say(health);
        break;
      }
      await pause(calmMs);
      const report = {
        names,
        counts: difference(town.figures.counts(), begun),
        ...town.figures.peaks(),
        ...watch.peaks(),
      };
      faults.push(report);
      say(`${names}: ${wordsOf(report)}`);
    }
    if (!(await within(recoverMs, town.rest())))
      breaches.push(`promise 9: after ${recoverMs} ms some sends have no end`);
    const histories = await town.caughtUp(recoverMs).catch((error: Error) => {
      breaches.push(`promise 4: after ${recoverMs} ms ${error.message}`);
      return undefined;
    });
    breaches.push(
      ...checkPromises({
        recorders: town.recorders,
        finalHistories: histories ?? new Map(),
        raised: stage.adoptions,
      }),
    );
    breaches.push(...(await settled(stage, before, recoverMs, say)));
    if (histories) breaches.push(...(await below(stage, histories)));
    breaches.push(...(await checkpoints.stop()), ...(await trims.stop()), ...unacked(town));
    return {
      breaches,
      total: {
        ...town.figures.counts(),
        heldBack: town.heldBack,
        signOuts: town.signOuts.length,
        unsent: town.signOuts.reduce((sum, { unsent }) => sum + unsent, 0),
      },
      ack: town.figures.acks(),
      changes: changesOf(town),
      faults,
      complaints: stage.complaints,
    };
  } finally {
    await watch.stop();
    await checkpoints.stop();
    await trims.stop();
    town?.close();
    await stage.close();
  }
}

function changesOf({ recorders }: Town): Report['changes'] {
  const all = recorders.flatMap(({ changes }) => changes);
  return { begun: all.length, acked: all.filter(({ end }) => end === 'ok').length };
}

/** What a database that was put back says of the newest tokens that it gave. */
const takenBack = 'refresh_invalid';

/**
 * Whatever was refused meanwhile, the SDK sends again until it is acked, but for what waits when a database that was put
 * back ends its login. Nothing else ends one.
 */
function unacked({ figures, signOuts }: Town): string[] {
  const { sends, acks, refused, unknown } = figures.counts();
  const ended = signOuts.reduce((sum, { unsent }) => sum + unsent, 0);
  const breaches = signOuts.flatMap(({ username, reason }) =>
    reason === takenBack ? [] : [`${username} was signed out: ${reason}`],
  );
  if (acks + ended !== sends || refused + unknown !== ended)
    breaches.push(
      `of ${sends} sends ${acks} were acked, ${refused} refused, ${unknown} of unknown outcome, ${ended} of those with a login that ended`,
    );
  return breaches;
}

/** `sends`, `acks` and so on, as a person reads them. */
export function wordsOf(report: FaultReport): string {
  const { slowest, unavailable, stalled, flushLag, refusedAppends, moves } = report;
  const { sends, acks, unknown, refused, deliveries } = report.counts;
  return [
    `${sends} sends, ${acks} acks, ${unknown} unknown, ${refused} refused, ${deliveries} deliveries`,
    `slowest ack ${(slowest / 1000).toFixed(1)} s, a chat unavailable for ${(unavailable / 1000).toFixed(1)} s`,
    `${moves} moves`,
    `flush lag up to ${flushLag.toFixed(1)} s`,
    `${refusedAppends} appends refused`,
    `the suite itself stalled for ${(stalled / 1000).toFixed(1)} s`,
  ].join('; ');
}

/** Promise 9: nothing stays behind once the faults are over. */
async function settled(
  stage: Stage,
  before: ReadonlyMap<string, number>,
  withinMs: number,
  say: (line: string) => void,
): Promise<string[]> {
  const breaches: string[] = [];
  await eventually(async () => {
    const samples = await samplesOf(stage);
    const lag = Math.max(...samples.map(({ flushLag }) => flushLag));
    const quarantined = samples.reduce((sum, one) => sum + one.quarantined, 0);
    return (lag === 0 && quarantined === 0) || `flush lag ${lag} s, ${quarantined} shards in quarantine`;
  }, withinMs).catch((error: Error) => breaches.push(`promise 9: ${error.message}`));
  const after = await memoriesOf(stage).catch((error: Error) => {
    breaches.push(`promise 9: ${error.message}`);
    return new Map<string, number>();
  });
  for (const [role, bytes] of after) {
    const first = before.get(role) ?? 0;
    const words = `${Math.round(bytes / 1e6)} MB of memory for each of ${role}, ${Math.round(first / 1e6)} MB before`;
    say(words);
    if (bytes > first * memoryFactor + memorySlack) breaches.push(`promise 9: ${words}`);
  }
  return breaches;
}

async function samplesOf(stage: Stage): Promise<Sample[]> {
  const samples = await Promise.all(stage.cluster.nodes.map(sampleOf));
  return samples.filter((sample) => sample !== undefined);
}

/** What each process says of itself. */
function healthsOf({ cluster }: Stage): Promise<string[]> {
  return Promise.all(
    cluster.nodes.map(async ({ name, state, pid, opsUrl }) => {
      const answer = opsUrl && (await fetch(`${opsUrl}/health`, { signal: AbortSignal.timeout(2000) }));
      return `${name} (${pid}) is ${state}: ${(answer && (await answer.text())) || 'no answer'}`;
    }),
  ).catch((error: Error) => [error.message]);
}

/** Bytes by role: the mean of its processes, since their number changes. Rejects where one does not answer. */
async function memoriesOf({ cluster }: Stage): Promise<Map<string, number>> {
  const memories = new Map<string, number>();
  for (const [role, nodes] of Map.groupBy(cluster.nodes, (node) => node.role)) {
    const ready = nodes.filter(({ state }) => state === 'ready');
    const all = await Promise.all(
      ready.map(async (node) => {
        let sample: Sample | undefined;
        await eventually(async () => {
          sample = await sampleOf(node);
          return sample !== undefined || `${node.name} does not answer`;
        }, answerMs);
        return sample?.memory ?? 0;
      }),
    );
    memories.set(role, all.reduce((sum, memory) => sum + memory, 0) / Math.max(1, all.length));
  }
  return memories;
}

type Histories = Awaited<ReturnType<Town['caughtUp']>>;

async function below(stage: Stage, histories: Histories): Promise<string[]> {
  const link = await connectNats({ url: stage.cluster.nats.url, name: 'aftermath' });
  const journal = await openJetstreamJournal({ link, clock: systemClock });
  try {
    return await lookBelow(journal, stage.cluster.postgres.url, histories);
  } finally {
    await journal.close();
    await link.close();
  }
}

async function within(ms: number, promise: Promise<unknown>): Promise<boolean> {
  const timer = new AbortController();
  const late = pause(ms, false, { signal: timer.signal }).catch(() => false);
  return Promise.race([promise.then(() => true), late]).finally(() => timer.abort());
}
