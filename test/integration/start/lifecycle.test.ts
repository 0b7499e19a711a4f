import { expect } from 'chai';
import { makeTokenKey } from '../../../ops/config/token-key.ts';
import { freePort } from '../../../ops/process/free-port.ts';
import { eventually } from '../../support/eventually.ts';
import { type Program, startProgram } from '../../support/process.ts';

const programs: Program[] = [];

function run(behaviour: string): Program {
  const program = startProgram({ script: 'test/support/lifecycle-program.ts', args: [behaviour] });
  programs.push(program);
  return program;
}

/** Waits until the program has said this. */
async function said(program: Program, line: string): Promise<void> {
  while (!program.stdout().split('\n').includes(line)) await new Promise((resolve) => setImmediate(resolve));
}

describe('the life of a process', () => {
  afterEach(() => {
    for (const program of programs.splice(0)) program.kill();
  });

  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
    it(`stops in order and ends with 0 on ${signal}`, async () => {
      const program = run('good');
      await program.ready();
      program.signal(signal);
      expect(await program.ended()).to.equal(0);
      expect(program.stdout()).to.match(/draining\nsecond stopped\nfirst stopped\n$/);
    });

  for (const [signal, code] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)
    it(`ends at once with ${code} on a second ${signal}`, async () => {
      const program = run('stuck');
      await program.ready();
      program.signal(signal);
      await said(program, 'draining');
      const again = setInterval(() => program.signal(signal), 50);
      expect(await program.ended().finally(() => clearInterval(again))).to.equal(code);
      expect(program.stdout()).not.to.include('first stopped');
    });

  it('takes a signal that npm passes on for the same wish', async () => {
    const program = run('slow');
    await program.ready();
    program.signal('SIGINT');
    program.signal('SIGINT');
    expect(await program.ended()).to.equal(0);
    expect(program.stdout()).to.include('first stopped');
  });

  it('ends with 1 and names the part that did not stop before the deadline, the others stopped', async () => {
    const program = run('late');
    await program.ready();
    program.signal('SIGTERM');
    expect(await program.ended()).to.equal(1);
    expect(program.stdout()).to.include('first stopped');
    expect(program.stderr()).to.include('"parts":["second"]');
  });

  it('lets the part that is starting start before it stops, when a signal comes early', async () => {
    const program = run('slow-start');
    await said(program, 'second starting');
    program.signal('SIGTERM');
    expect(await program.ended()).to.equal(0);
    expect(program.stdout()).to.match(/second started\nsecond stopped\nfirst stopped\n$/);
    expect(program.stdout()).not.to.include('suhbat ready');
    expect(program.stderr()).not.to.include('cannot start');
  });

  it('does not wait for a part that only waits for others, when a signal comes early', async () => {
    const program = run('waits');
    await said(program, 'second waiting');
    program.signal('SIGTERM');
    expect(await program.ended()).to.equal(0);
    expect(program.stdout()).to.match(/draining\nfirst stopped\n$/);
    expect(program.stderr()).not.to.include('cannot start');
  });

  for (const role of ['gateway', 'services'] as const)
    it(`ends at once on SIGTERM while the role ${role} still waits for its servers`, async function () {
      this.timeout(60_000);
      const nobody = await freePort();
      const program = startProgram({
        env: {
          SUHBAT_ROLES: role,
          SUHBAT_STOP_DEADLINE: '60000',
          SUHBAT_OPS_PORT: '0',
          SUHBAT_TOKEN_KEY: makeTokenKey(),
          SUHBAT_REFRESH_SECRET: 'r'.repeat(43),
          NATS_URL: `nats://127.0.0.1:${nobody}`,
          REDIS_URL: `redis://127.0.0.1:${nobody}`,
          DATABASE_URL: `postgres://suhbat@127.0.0.1:${nobody}/suhbat`,
          S3_ENDPOINT: `http://127.0.0.1:${nobody}`,
          S3_BUCKET: 'nobody',
          S3_ACCESS_KEY: 'nobody',
          S3_SECRET_KEY: 'nobody',
        },
      });
      programs.push(program);
      await eventually(() => program.stderr().includes('waiting for') || program.stderr(), 30_000);
      program.signal('SIGTERM');
      expect(await program.ended()).to.equal(0);
    });

  for (const behaviour of ['throws', 'rejects'])
    it(`stops in order and ends with 1 after an error that nobody ${behaviour === 'throws' ? 'caught' : 'handled'}`, async () => {
      const program = run(behaviour);
      expect(await program.ended()).to.equal(1);
      expect(program.stdout()).to.include('second stopped\nfirst stopped');
      expect(program.stderr()).to.match(/"level":"fatal".*"stack":/);
    });

  it('refuses to start with the one sentence of the refusal, and stops what was started', async () => {
    const program = run('refuses');
    expect(await program.ended()).to.equal(1);
    expect(program.stderr()).to.equal('The second part has no second.\n');
    expect(program.stdout()).to.equal('first started\ndraining\nfirst stopped\n');
  });

  it('tells any other failed start in one sentence too, with the stack in the log', async () => {
    const program = run('breaks');
    expect(await program.ended()).to.equal(1);
    const [sentence, line = ''] = program.stderr().split('\n');
    expect(sentence).to.equal('Suhbat cannot start: this is a bug');
    expect(JSON.parse(line).err.stack).to.include('startSecond');
  });
});
