import { execFileSync } from 'node:child_process';
import { expect } from 'chai';
import { type JetstreamJournal, openJetstreamJournal } from '../../actors/journal/jetstream-journal.ts';
import { type Append, JournalError } from '../../actors/journal/journal.ts';
import { findProgram } from '../../ops/cluster/find-program.ts';
import { connectNats } from '../../ops/connections/nats.ts';
import { systemClock } from '../../ops/process/clock.ts';
import { freePort } from '../../ops/process/free-port.ts';
import { eventually } from '../support/eventually.ts';
import { startNats, type TestServer } from '../support/servers.ts';
import { journalContract } from './journal.contract.ts';

const servers: TestServer[] = [];
let url: string;
let streams = 0;

// Older servers may let two owners append at once, and the journal does not start on them.
const version = execFileSync(findProgram('nats-server'), ['--version'], { encoding: 'utf8' });
const [, minor = 0] = (/v(\d+)\.(\d+)/.exec(version) ?? []).slice(1).map(Number);

(minor < 11 ? describe.skip : describe)('three replicas (NATS 2.11 and newer)', () => {
  before(async function () {
    this.timeout(60_000);
    const ports = await Promise.all([1, 2, 3].map(() => freePort()));
    const routes = ports.map((port) => `nats://127.0.0.1:${port}`);
    for (const [index, route] of routes.entries())
      servers.push(
        await startNats([
          ...['--name', `s${index}`, '--cluster_name', 'test', '--cluster', route],
          ...['--routes', routes.join(',')],
        ]),
      );
    url = servers.map((server) => server.url).join(',');
    await eventually(async () => {
      const link = await connectNats({ url, name: 'test' });
      try {
        const answer = await link.connection.request('$JS.API.INFO', '', { timeout: 500 });
        return answer.json<{ error?: object }>().error === undefined;
      } finally {
        await link.close();
      }
    }, 30_000);
  });
  after(async () => {
    for (const server of servers) await server.stop();
  });

  async function open(stream: string, maxBytes: number) {
    const link = await connectNats({ url, name: 'test' });
    const journal = await openJetstreamJournal({
      link,
      stream,
      clock: systemClock,
      maxBytes,
      replicas: 3,
      timeoutMs: 1000,
    });
    const close = async () => {
      await journal.close();
      await link.close();
    };
    return { journal, close };
  }

  journalContract('JetStream, 3 replicas', async (maxBytes = 16 * 1024 * 1024) => {
    const stream = `contract-${++streams}`;
    const opened: Awaited<ReturnType<typeof open>>[] = [];
    return {
      async open() {
        const one = await open(stream, maxBytes);
        opened.push(one);
        return one.journal;
      },
      async dispose() {
        for (const one of opened) await one.close();
      },
    };
  });

  it('have one id for all who open the journal at the same moment', async () => {
    for (let round = 0; round < 5; round++) {
      const stream = `opened-${round}`;
      const opened = await Promise.all(Array.from({ length: 5 }, () => open(stream, 1024 * 1024)));
      for (const one of opened) await one.close();
      expect(new Set(opened.map(({ journal }) => journal.id)).size).to.equal(1);
    }
  }).timeout(60_000);

  async function insist<T>(attempt: () => Promise<T>): Promise<T> {
    for (const until = performance.now() + 30_000; ; )
      try {
        return await attempt();
      } catch (error) {
        const passes = error instanceof JournalError && error.fault === 'in_doubt';
        if (!passes || performance.now() > until) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
  }

  async function everything(journal: JetstreamJournal, shard: number): Promise<string[]> {
    const texts: string[] = [];
    for (let after = 0, length = 100; length === 100; ) {
      const page = await insist(() => journal.read(shard, after, 100));
      texts.push(...page.map(({ payload }) => payload.toString()));
      length = page.length;
      after = page.at(-1)?.position ?? after;
    }
    return texts;
  }

  it('keep all that was answered, each once and in order, whichever server is killed', async () => {
    const { journal, close } = await open('killed', 16 * 1024 * 1024);
    const shards = [1, 2, 3, 4];
    let [answered, stop] = [0, false];
    const writers = shards.map(async (shard) => {
      const texts: string[] = [];
      for (let n = 0, expected = 0; !stop; n++) {
        const payload = Buffer.from(`${shard}:${n}`);
        const append: Append = { shard, expected, messageId: `1/n/${n}`, payload };
        expected = await insist(() => journal.append(append));
        texts.push(`${shard}:${n}`);
        answered++;
      }
      return texts;
    });
    for (const server of servers) {
      const before = answered;
      await eventually(() => answered >= before + 200, 30_000);
      await server.kill();
      await eventually(() => answered >= before + 600, 30_000);
      await server.start();
    }
    stop = true;
    const written = await Promise.all(writers);
    for (const [index, shard] of shards.entries())
      expect(await everything(journal, shard)).to.deep.equal(written[index]);
    expect(journal.failure()).to.equal(undefined);
    await close();
  }).timeout(120_000);
});
