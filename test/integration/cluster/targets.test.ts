import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { expect } from 'chai';
import { createTargets, type Target } from '../../../ops/cluster/targets.ts';
import { withClient } from '../../../ops/connections/postgres-client.ts';
import type { EmbeddedPostgres } from '../../../ops/embedded/postgres.ts';
import { startTestPostgres } from '../../support/database.ts';
import { startNats, startRedis, type TestServer } from '../../support/servers.ts';
import { until } from '../../support/until.ts';

describe('the servers of npm run cluster', () => {
  let postgres: EmbeddedPostgres;
  let nats: TestServer;
  let redis: TestServer;
  let targets: () => Target[];
  let folder: string;

  beforeEach(async () => {
    [postgres, nats, redis] = await Promise.all([startTestPostgres(), startNats(), startRedis()]);
    targets = createTargets({ nodes: [], postgres, nats, redis });
    folder = readlinkSync(`/proc/${postgres.pid()}/cwd`);
  });
  afterEach(async () => {
    await Promise.all([postgres, nats, redis].map((server) => server.stop()));
    // None, but where a test has failed; they would hold this run open.
    for (const { pid } of processesIn(`${folder} (deleted)`)) process.kill(pid, 'SIGKILL');
  });

  const target = () => targets().find(({ name }) => name === 'postgresql') as Target;
  const ready = (otherThan: number) =>
    until('another one is ready', () => target().state() === 'ready' && target().pid() !== otherThan);

  const states = () => processesIn(folder).map(({ state }) => state);

  async function answers(): Promise<boolean> {
    const options = { url: postgres.url, applicationName: 'test' };
    return withClient(options, (client) => client.query('select 1')).then(
      () => true,
      () => false,
    );
  }

  it('each have a key and an address without a password', () => {
    expect(targets().map(({ key, name }) => [key, name])).to.deep.equal([
      ['1', 'nats-server'],
      ['2', 'redis-server'],
      ['3', 'postgresql'],
    ]);
    const { port } = new URL(postgres.url);
    expect(targets().map((one) => one.url())).to.deep.equal([
      nats.url,
      redis.url,
      `postgres://suhbat@127.0.0.1:${port}/suhbat`,
    ]);
    for (const one of targets()) expect([one.state(), one.pid() > 0]).to.deep.equal(['ready', true]);
  });

  it('among them PostgreSQL, of which every process is paused and goes on', async () => {
    await target().pause();
    expect(target().state()).to.equal('paused');
    expect(states()).to.have.length.above(3);
    expect(states().every((state) => state === 'T')).to.equal(true);
    await target().resume();
    expect(target().state()).to.equal('ready');
    await until('it answers', answers);
    expect(states()).not.to.include('T');
  });

  it('it comes back by itself when it is killed or ended, paused or not', async () => {
    for (const how of ['kill', 'end'] as const)
      for (const paused of [false, true]) {
        const before = target().pid();
        if (paused) await target().pause();
        await target()[how]();
        await ready(before);
        expect(await answers(), `${how} ${paused}`).to.equal(true);
      }
  });

  it('and when it is stopped while it is paused, nothing of it is left', async () => {
    await target().pause();
    await postgres.stop();
    expect(target().state()).to.equal('down');
    expect(processesIn(`${folder} (deleted)`)).to.deep.equal([]);
  });
});

interface Process {
  pid: number;
  /** A letter of `man 5 proc`; T: it is stopped. */
  state: string | undefined;
}

/** What works in this folder, as every process of PostgreSQL does in its database's. */
function processesIn(folder: string): Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        if (readlinkSync(`/proc/${pid}/cwd`) !== folder) return [];
        const state = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.[0];
        return [{ pid: Number(pid), state }];
      } catch {
        return [];
      }
    });
}
