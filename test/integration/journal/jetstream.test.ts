import { expect } from 'chai';
import type { ServerInfo } from 'nats';
import { checkServer } from '../../../actors/journal/jetstream-stream.ts';
import { claimShard } from '../../../actors/runtime/claim.ts';
import { runtimeDefaults } from '../../../actors/runtime/options.ts';
import { systemClock } from '../../../ops/process/clock.ts';
import { StartError } from '../../../ops/process/start-error.ts';
import { eventually } from '../../support/eventually.ts';
import { createMemoryFlushStore, MemoryDatabase } from '../../support/memory-flush-store.ts';
import { startNats, type TestServer } from '../../support/servers.ts';
import { appendOf, faultOf, type JournalNode, openNode, operate, textsOf } from './support.ts';

describe('the journal on JetStream', () => {
  let server: TestServer;
  let stream: string;
  let streams = 0;
  const nodes: JournalNode[] = [];

  before(async () => {
    server = await startNats();
  });
  after(() => server.stop());
  beforeEach(() => {
    stream = `journal-${++streams}`;
  });
  afterEach(async () => {
    for (const node of nodes.splice(0)) await node.close();
  });

  async function open(more: Parameters<typeof openNode>[2] = {}): Promise<JournalNode> {
    const node = await openNode(server, stream, more);
    nodes.push(node);
    return node;
  }

  it('has one id for all who open it at the same moment', async () => {
    for (let round = 0; round < 5; round++) {
      stream = `journal-${++streams}`;
      const opened = await Promise.all(Array.from({ length: 6 }, () => open()));
      expect(new Set(opened.map(({ journal }) => journal.id)).size).to.equal(1);
    }
  });

  it('lets exactly one of two racing claimers have the shard', async () => {
    const racers = [await open(), await open()];
    const store = createMemoryFlushStore(new MemoryDatabase());
    for (let shard = 0; shard < 40; shard++) {
      const claims = racers.map(({ journal }, index) =>
        claimShard(shard, {
          node: `n${index}`,
          journal,
          store,
          clock: systemClock,
          options: runtimeDefaults,
          isLive: () => true,
          attempt: () => 1,
        }),
      );
      const outcomes = (await Promise.all(claims)).map(({ outcome }) => outcome);
      // One that comes when the other is done finds that it is held.
      const lost = outcomes.filter((outcome) => outcome === 'raced' || outcome === 'held');
      expect([outcomes.includes('claimed'), lost.length], `${outcomes}`).to.deep.equal([true, 1]);
      expect(await textsOf(racers[0] as JournalNode, shard)).to.have.length(1);
    }
  });

  it('keeps a batch larger than one pull in order, in pages of any size, and leaves no consumer behind', async () => {
    const node = await open();
    const { journal } = node;
    let newest = 0;
    for (let n = 0; n < 40; n++)
      newest = await journal.append(appendOf(1, newest, `${n}:${'x'.repeat(200_000)}`));
    for (const limit of [7, 64]) {
      const seen: number[] = [];
      for (let after = 0, length = limit; length === limit; ) {
        const page = await journal.read(1, after, limit);
        for (const { payload } of page) seen.push(Number.parseInt(payload.toString(), 10));
        length = page.length;
        after = page.at(-1)?.position ?? after;
      }
      expect(seen).to.deep.equal(Array.from({ length: 40 }, (_, n) => n));
    }
    // Sooner than the server forgets them by itself, after ten seconds.
    const left = async () => (await operate(node, `STREAM.INFO.${stream}`)).state.consumer_count;
    await eventually(async () => (await left()) === 0, 8000);
  });

  it('refuses a record that is larger than NATS takes, and goes on', async () => {
    const { journal } = await open();
    const large = appendOf(1, 0, 'x'.repeat(2 * 1024 * 1024));
    expect(await faultOf(journal.append(large))).to.equal('refused');
    expect(await journal.append(appendOf(1, 0, 'small'))).to.be.greaterThan(0);
  });

  it('that another node filled takes a claim and nothing else, and at the very end not even that', async () => {
    const [one, other] = [await open({ maxBytes: 200_000 }), await open({ maxBytes: 200_000 })];
    const text = 'x'.repeat(5000);
    let newest = 0;
    let fault: string | undefined;
    for (let n = 0; n < 100 && fault === undefined; n++) {
      const attempt = one.journal.append(appendOf(1, newest, text));
      fault = await faultOf(attempt);
      if (fault === undefined) newest = await attempt;
    }
    expect(fault).to.equal('full');
    // It has appended nothing, and learns within a second.
    await eventually(() => other.journal.usage().bytes > 170_000);
    expect(await faultOf(other.journal.append(appendOf(2, 0, text)))).to.equal('full');
    let claimed = await other.journal.append(appendOf(2, 0, 'claim', { reserved: true }));
    const kept = await textsOf(one, 1);

    fault = undefined;
    let claims = 0;
    while (claims < 100 && fault === undefined) {
      const attempt = other.journal.append(appendOf(2, claimed, text, { reserved: true }));
      fault = await faultOf(attempt);
      if (fault !== undefined) break;
      claimed = await attempt;
      claims++;
    }
    expect(fault).to.equal('full');
    // A tenth of the bound was kept for them.
    expect(claims).to.be.within(3, 4);
    expect(await textsOf(one, 1)).to.deep.equal(kept);

    // What one node trims is room for the other, soon.
    await one.journal.trim(1, newest);
    const append = appendOf(2, claimed, text);
    await eventually(async () => (await faultOf(other.journal.append(append))) === undefined);
  });

  it('brings the bound of a stream up to date', async () => {
    await open();
    const { journal } = await open({ maxBytes: 32 * 1024 * 1024 });
    expect(journal.usage().maxBytes).to.equal(32 * 1024 * 1024);
  });

  it('leaves the bound of a stream alone where it is only looked at, or adopted', async () => {
    const owner = await open({ maxBytes: 32 * 1024 * 1024 });
    for (const how of [{ make: false }, { fit: false }]) {
      await open({ maxBytes: 1024 * 1024, ...how });
      const { config } = (await operate(owner, `STREAM.INFO.${stream}`)) as {
        config: { max_bytes?: number };
      };
      expect(config.max_bytes).to.equal(32 * 1024 * 1024);
    }
  });

  it('does not start on a stream of another shape, and says what is different', async () => {
    const node = await open();
    await operate(node, 'STREAM.CREATE.alien', {
      name: 'alien',
      subjects: ['alien'],
      storage: 'memory',
      retention: 'limits',
      discard: 'old',
      num_replicas: 1,
      max_bytes: 1024,
    });
    stream = 'alien';
    const error = await open().then(
      () => undefined,
      (thrown: Error) => thrown,
    );
    expect(error?.name).to.equal('StartError');
    expect(error?.message)
      .to.include('storage memory instead of file')
      .and.to.include('discard old instead of new')
      .and.to.include('duplicate_window 120000000000 instead of 60000000000')
      .and.to.include('subjects [alien]');
  });

  it('does not start on a server that takes less than the largest record', async () => {
    const shape = { stream, replicas: 1, maxBytes: 1, duplicateWindowMs: 1, make: true, fit: true };
    const info = (await open()).link.connection.info as ServerInfo;
    expect(() => checkServer({ ...info, max_payload: 1024 * 1024 }, shape)).not.to.throw();
    const sentence = /up to 1000000 bytes; the journal needs 1048576\.$/;
    expect(() => checkServer({ ...info, max_payload: 1_000_000 }, shape)).to.throw(StartError, sentence);
  });

  it('does not start with replicas on a server that lets two owners append at once', async () => {
    const shape = { stream, replicas: 3, maxBytes: 1, duplicateWindowMs: 1, make: true, fit: true };
    const info = { ...(await open()).link.connection.info, version: '2.11.0' } as ServerInfo;
    expect(() => checkServer(info, shape)).not.to.throw();
    const sentence =
      /^Suhbat cannot start: 3 replicas .* need NATS 2\.11 or newer.* this one is 2\.10\.29\.$/;
    expect(() => checkServer({ ...info, version: '2.10.29' }, shape)).to.throw(StartError, sentence);
    const error = await open({ replicas: 3 }).then(
      () => undefined,
      (thrown: Error) => thrown,
    );
    expect(error).to.be.instanceOf(StartError);
    expect(error?.message).to.include('replicas');
  });

  it('does not start where NATS has no JetStream', async () => {
    const bare = await startNats(['--jetstream=false']);
    try {
      const error = await openNode(bare, stream, { openMs: 300 }).then(
        () => undefined,
        (thrown: Error) => thrown,
      );
      expect(error).to.be.instanceOf(StartError);
      expect(error?.message).to.include('nobody on NATS answers for JetStream');
    } finally {
      await bare.stop();
    }
  });

  it('leaves the connection to its owner when it is closed', async () => {
    const node = await open();
    await node.journal.close();
    const { connection } = node.link;
    expect(connection.isClosed()).to.equal(false);
    await connection.flush();
  });
});
