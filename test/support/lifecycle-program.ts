import { setTimeout as wait } from 'node:timers/promises';
import { systemClock } from '../../ops/process/clock.ts';
import { runProcess } from '../../ops/process/run.ts';
import { StartError } from '../../ops/process/start-error.ts';
import { createLogger } from '../../ops/telemetry/logger.ts';

/**
 * A program with two parts that says on standard output what happens to it. The first argument makes it
 * misbehave: see `behaviours`. It stands for any part that fails or hangs.
 */
const [behaviour = 'good'] = process.argv.slice(2);
const say = (line: string) => process.stdout.write(`${line}\n`);
const forever = () => new Promise<never>(() => setInterval(() => {}, 1000));

const behaviours: Record<string, () => void> = {
  throws: () => setTimeout(() => nobodyCatches(), 1),
  rejects: () => void Promise.reject(new Error('nobody handles this')),
};

function nobodyCatches(): never {
  throw new Error('nobody catches this');
}

await runProcess({
  logger: createLogger('info'),
  clock: systemClock,
  stopDeadlineMs: behaviour === 'late' ? 200 : 60_000,
  draining: () => say('draining'),
  async start(life) {
    await life.part(
      'first',
      () => say('first started'),
      () => say('first stopped'),
    );
    const start = behaviour.startsWith('waits') ? life.waitingPart : life.part;
    await start('second', startSecond, async () => {
      if (behaviour === 'stuck' || behaviour === 'late') await forever();
      if (behaviour === 'slow') await wait(500);
      say('second stopped');
    });
    say('suhbat ready http://nowhere');
    setInterval(() => {}, 1000);
    behaviours[behaviour]?.();
  },
});

async function startSecond(): Promise<void> {
  if (behaviour === 'refuses') throw new StartError('The second part has no second.');
  if (behaviour === 'breaks') throw new TypeError('this is\n a bug');
  if (behaviour === 'slow-start') {
    say('second starting');
    await wait(300);
  }
  if (behaviour === 'waits') {
    say('second waiting');
    await forever();
  }
  say('second started');
}
