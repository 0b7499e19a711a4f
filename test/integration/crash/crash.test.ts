import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { openFileJournal } from '../../../actors/journal/file-journal.ts';
import { startEmbeddedPostgres } from '../../../ops/embedded/postgres.ts';
import { systemClock } from '../../../ops/process/clock.ts';
import { freePort } from '../../../ops/process/free-port.ts';
import { settle, type Town, type TownPlan } from '../../cluster/town.ts';
import { seededRandom } from '../../simulation/scheduler.ts';
import { lookBelow } from '../../support/aftermath.ts';
import { eventually } from '../../support/eventually.ts';
import { type Program, processesOf, startProgram } from '../../support/process.ts';
import { checkPromises } from '../../support/recorder.ts';

const crashes = 20;
/** Groups that overlap, and everybody in a private chat who is in the last ones, too. */
const plan: TownPlan = { people: 20, groups: 5, members: 8, step: 3, pairs: 5 };
const perSecond = 500;

describe('a crash', function () {
  this.timeout(900_000);

  let dir: string;
  let port: number;
  let program: Program;
  let town: Town | undefined;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'suhbat-crash-'));
    port = await freePort();
    program = start();
  });

  afterEach(async () => {
    town?.close();
    killAll();
    await eventually(() => processesOf(dir).length === 0);
    await rm(dir, { recursive: true, force: true, maxRetries: 10 });
  });

  function start(): Program {
    return startProgram({
      env: { SUHBAT_PORT: String(port), SUHBAT_DATA_DIR: dir, SUHBAT_RATE_LIMIT_FACTOR: '1000' },
    });
  }

  /** kill -9 of the program's group and of every PostgreSQL process of its folder. */
  function killAll(): void {
    program.kill();
    for (const pid of postgresOf(dir)) kill(pid);
  }

  async function stopInOrder(): Promise<void> {
    program.signal('SIGTERM');
    expect(await program.ended(), program.stderr()).to.equal(0);
  }

  it(`of everything, ${crashes} times while people write, loses and doubles nothing that was acked`, async () => {
    const seed = Date.now() % 2 ** 31;
    const random = seededRandom(seed);
    town = await settle(await program.ready(), random, plan);
    town.write(perSecond);
    for (let n = 0; n < crashes; n++) {
      const before = acked(town);
      await eventually(() => acked(town) > before + 20, 30_000);
      await pause(random() * 400);
      killAll();
      await program.ended();
      program = start();
      await program.ready();
    }
    await town.rest();
    const histories = await town.caughtUp(30_000);
    expect(
      checkPromises({ recorders: town.recorders, finalHistories: histories }),
      `seed ${seed}`,
    ).to.deep.equal([]);
    town.close();
    await stopInOrder();
    expect(await lookIn(dir, histories), `seed ${seed}`).to.deep.equal([]);
  });

  it('of PostgreSQL alone lets active chats go on, and everything is flushed when it is back', async () => {
    const url = await program.ready();
    town = await settle(url, seededRandom(7), plan);
    town.write(perSecond);
    await eventually(() => acked(town) > 100);
    // It is started again each time; so it is killed until people have written a good deal without it.
    const before = acked(town);
    const away = performance.now() + 3000;
    while (performance.now() < away || acked(town) < before + 100) {
      for (const pid of postgresOf(dir)) kill(pid);
      await pause(50);
    }
    expect((await fetch(`${url}/health`)).status).to.equal(200);
    await eventually(
      async () => (await fetch(`${url}/health`).then((one) => one.json())).status === 'ok',
      90_000,
    );
    await town.rest();
    const histories = await town.caughtUp(30_000);
    expect(checkPromises({ recorders: town.recorders, finalHistories: histories })).to.deep.equal([]);
    await eventually(async () => (await flushLag(url)) === 0, 30_000);
    town.close();
    await stopInOrder();
    expect(await lookIn(dir, histories)).to.deep.equal([]);
  });
});

const acked = (town: Town | undefined) => town?.figures.counts().acks ?? 0;

async function flushLag(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^suhbat_flush_lag_seconds (\S+)/m.exec(text)?.[1]);
}

function postgresOf(dir: string): number[] {
  return processesOf(join(dir, 'postgres'));
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It was gone already.
  }
}

/** In the data folder of a Suhbat that has stopped. */
async function lookIn(dir: string, histories: Awaited<ReturnType<Town['caughtUp']>>): Promise<string[]> {
  const postgres = await startEmbeddedPostgres({ dir: join(dir, 'postgres'), onLog: () => {} });
  const journal = await openFileJournal({ dir: join(dir, 'journal'), clock: systemClock });
  try {
    return await lookBelow(journal, postgres.url, histories);
  } finally {
    await journal.close();
    await postgres.stop();
  }
}
