import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Program, processesOf, startProgram } from '../../support/process.ts';
import { until } from '../../support/until.ts';

const boundMs = 120_000;

describe('npm run cluster without a terminal', function () {
  this.timeout(boundMs);

  let folder = '';
  let program: Program;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'suhbat-program-'));
    program = startProgram({ script: 'ops/cluster/main.ts', args: ['--dir', folder] });
  });
  after(async () => {
    program.kill();
    await program.ended();
    await until('no process is left', () => processesOf(folder).length === 0);
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  /** Name, state, pid and address of each row of the first table. */
  function rows(): { name: string; state: string; pid: number; url: string }[] {
    const lines = program.stdout().split('\n');
    const from = lines.findIndex((line) => /^ +process +state/.test(line)) + 1;
    const to = lines.indexOf('', from);
    if (from === 0 || to < 0) return [];
    return lines.slice(from, to).map((line) => {
      const [, name = '', state = '', pid = ''] = line.trim().split(/ {2,}/);
      return { name, state, pid: Number(pid), url: / (\w+:\/\/\S+)$/.exec(line)?.[1] ?? '' };
    });
  }

  it('says its addresses, serves there, and ends with 0 and no process left on SIGINT', async () => {
    const table = await Promise.race([
      until('the table is there', () => (rows().length > 0 ? rows() : undefined), boundMs),
      program.ended().then((how) => {
        throw new Error(`It ended before (${how}):\n${program.stderr()}${program.stdout()}`);
      }),
    ]);
    expect(
      table.map(({ name, state, url }) => [name, state, url.split(/\d+\.\d+\.\d+\.\d+/)[0]]),
    ).to.deep.equal([
      ['services-1', 'ready', 'http://'],
      ['actors-1', 'ready', 'http://'],
      ['actors-2', 'ready', 'http://'],
      ['actors-3', 'ready', 'http://'],
      ['gateway-1', 'ready', 'http://'],
      ['gateway-2', 'ready', 'http://'],
      ['nats-server', 'ready', 'nats://'],
      ['redis-server', 'ready', 'redis://'],
      ['postgresql', 'ready', 'postgres://suhbat@'],
    ]);

    const gateway = table.find(({ name }) => name === 'gateway-2')?.url ?? '';
    const registered = await fetch(`${gateway}/api/v1/auth/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email: 'a@example.com', username: 'anvar', password: 'a long password' }),
    });
    expect(registered.status).to.equal(201);

    program.signal('SIGINT');
    expect(await program.ended()).to.equal(0);
    expect(program.stderr()).to.equal('');
    const left = table.filter(({ pid }) => isAlive(pid));
    expect(left).to.deep.equal([]);
    expect(processesOf(folder)).to.deep.equal([]);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
