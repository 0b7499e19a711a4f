import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Append } from '../../../actors/journal/journal.ts';
import { connectNats } from '../../../ops/connections/nats.ts';
import { eventually } from '../../support/eventually.ts';
import { startNats, type TestServer } from '../../support/servers.ts';
import { appendOf, faultOf, type JournalNode, openNode, operate, textsOf } from './support.ts';

describe('the journal on JetStream, when its server', () => {
  let server: TestServer;
  const stream = 'journal';
  const nodes: JournalNode[] = [];

  beforeEach(async () => {
    server = await startNats();
  });
  afterEach(async () => {
    for (const node of nodes.splice(0)) await node.close();
    await server.stop();
  });

  async function open(more: Parameters<typeof openNode>[2] = {}): Promise<JournalNode> {
    const node = await openNode(server, stream, more);
    nodes.push(node);
    return node;
  }

  /** Stops the server; resolves when it answers nothing any more. */
  async function pause({ journal }: JournalNode): Promise<void> {
    await server.pause();
    await eventually(async () => (await faultOf(journal.newest(0))) === 'in_doubt');
  }

  /** Repeats what is in doubt, as the runtime does. */
  async function insist({ journal }: JournalNode, append: Append): Promise<number> {
    let outcome: Promise<number> | undefined;
    await eventually(async () => {
      outcome = journal.append(append);
      return (await faultOf(outcome)) !== 'in_doubt';
    });
    return outcome as Promise<number>;
  }

  it('was paused, answers a repeat with the place where the first landed late', async () => {
    const node = await open({ timeoutMs: 1500 });
    const first = await node.journal.append(appendOf(1, 0, 'first'));
    await pause(node);
    const late = appendOf(1, first, 'late');
    expect(await faultOf(node.journal.append(late))).to.equal('in_doubt');
    server.resume();
    let landed = 0;
    await eventually(async () => {
      landed = (await node.journal.newest(1))?.position ?? 0;
      return landed > first;
    });
    expect(await insist(node, late)).to.equal(landed);
    expect(await textsOf(node, 1)).to.deep.equal(['first', 'late']);
  });

  it('was paused, keeps one of an append and a claim that both were in doubt', async () => {
    const [owner, claimer] = [await open({ timeoutMs: 1500 }), await open({ timeoutMs: 1500 })];
    for (let shard = 1; shard <= 3; shard++) {
      const first = await owner.journal.append(appendOf(shard, 0, 'first'));
      const rivals = [
        { node: owner, append: appendOf(shard, first, 'batch') },
        { node: claimer, append: appendOf(shard, first, 'claim') },
      ];
      await pause(owner);
      const faults = await Promise.all(
        rivals.map(({ node, append }) => faultOf(node.journal.append(append))),
      );
      server.resume();
      expect(faults).to.deep.equal(['in_doubt', 'in_doubt']);
      const ends = await Promise.all(rivals.map(({ node, append }) => faultOf(insist(node, append))));
      const won = ends.indexOf(undefined);
      expect(ends[1 - won]).to.equal('refused');
      expect(await textsOf(owner, shard)).to.deep.equal(['first', ['batch', 'claim'][won]]);
    }
  });

  it('is killed under load, keeps all that was answered, each once and in order', async () => {
    const node = await open();
    let answered = 0;
    const shards = [1, 2, 3, 4];
    const writers = shards.map(async (shard) => {
      const texts: string[] = [];
      for (let n = 0, newest = 0; n < 150; n++) {
        newest = await insist(node, appendOf(shard, newest, `${shard}:${n}`));
        texts.push(`${shard}:${n}`);
        answered++;
      }
      return texts;
    });
    for (const least of [100, 300]) {
      await eventually(() => answered >= least);
      await server.kill();
      await server.start();
    }
    const written = await Promise.all(writers);
    for (const [index, shard] of shards.entries())
      expect(await textsOf(node, shard)).to.deep.equal(written[index]);
    expect(node.journal.failure()).to.equal(undefined);
  });

  it('is killed after its bound was changed, is still the same journal', async () => {
    const node = await open();
    let newest = await node.journal.append(appendOf(1, 0, 'first'));
    const { config } = await operate(node, `STREAM.INFO.${stream}`);
    for (const max_bytes of [12, 14, 16].map((mebibytes) => mebibytes * 1024 * 1024)) {
      await operate(node, `STREAM.UPDATE.${stream}`, { ...config, max_bytes });
      await server.kill();
      await server.start();
      newest = await insist(node, appendOf(1, newest, `${max_bytes}`));
    }
    expect(node.failures).to.deep.equal([]);
    expect((await open()).journal.id).to.equal(node.journal.id);
  });

  it('is killed, is still the same journal where the stream was made before it held which life it is, and is full', async () => {
    const old = await open({ maxBytes: 1024 * 1024 });
    let newest = 0;
    const payload = 'x'.repeat(100_000);
    // The last record of all bounds, so that there is no room for another one either.
    while (
      (await faultOf(old.journal.append(appendOf(1, newest, payload, { reserved: true })))) === undefined
    )
      newest = (await old.journal.newest(1))?.position ?? 0;
    const { config, state } = await operate(old, `STREAM.INFO.${stream}`);
    await operate(old, `STREAM.PURGE.${stream}`, { filter: config.subjects[1] });
    await operate(old, `STREAM.UPDATE.${stream}`, { ...config, max_bytes: state.bytes });
    const only = await open({ maxBytes: state.bytes, make: false });
    expect(only.journal.id).to.equal(old.journal.id);
    const node = await open();
    expect(node.journal.id).to.equal(old.journal.id);
    for (let times = 0; times < 2; times++) {
      await operate(node, `STREAM.UPDATE.${stream}`, { ...config, max_bytes: (14 + times) * 1024 * 1024 });
      await server.kill();
      await server.start();
      newest = await insist(node, appendOf(1, newest, `after ${times}`));
    }
    expect(node.failures).to.deep.equal([]);
  });

  it('is away, fails at once and not by time-out, and answers again when it is back', async () => {
    const timeoutMs = 5000;
    const node = await open({ timeoutMs });
    const first = await node.journal.append(appendOf(1, 0, 'first'));
    await server.kill();
    await eventually(() => !node.link.up());
    const startedAt = performance.now();
    const append = appendOf(1, first, 'second');
    expect(await faultOf(node.journal.append(append))).to.equal('in_doubt');
    expect(await faultOf(node.journal.newest(1))).to.equal('in_doubt');
    expect(performance.now() - startedAt).to.be.below(timeoutMs / 2);
    await server.start();
    await insist(node, append);
    expect(await textsOf(node, 1)).to.deep.equal(['first', 'second']);
  });

  it('lost the stream, says that the journal is gone, to appends and to reads', async () => {
    const node = await open();
    const newest = await node.journal.append(appendOf(1, 0, 'first'));
    await operate(node, `STREAM.DELETE.${stream}`);
    const append = appendOf(1, newest, 'second');
    await eventually(async () => (await faultOf(node.journal.append(append))) === 'gone');
    for (const attempt of [node.journal.newest(1), node.journal.read(1, 0, 1), node.journal.trim(1, newest)])
      expect(await faultOf(attempt)).to.equal('gone');
    expect(node.failures.map(({ message }) => message)).to.deep.equal([
      `The journal’s stream ${stream} was deleted: what it held is lost.`,
    ]);
  });

  it('has the stream made anew, lets an old owner write nothing into it, and tells him', async () => {
    const old = await open();
    let newest = 0;
    for (const text of ['one', 'two']) newest = await old.journal.append(appendOf(1, newest, text));
    await operate(old, `STREAM.DELETE.${stream}`);
    const next = await open();
    expect(next.journal.id).not.to.equal(old.journal.id);
    // The new one has a record exactly where the old owner expects his.
    let position = 0;
    while (position < newest) position = await next.journal.append(appendOf(1, position, 'new'));
    expect(await faultOf(old.journal.append(appendOf(1, newest, 'zombie')))).to.equal('gone');
    expect(await textsOf(next, 1)).to.deep.equal(['new', 'new']);
  });

  it('has the stream made anew with the same configuration, notices that too', async () => {
    const node = await open();
    await node.journal.append(appendOf(1, 0, 'first'));
    const { config } = await operate(node, `STREAM.INFO.${stream}`);
    await operate(node, `STREAM.DELETE.${stream}`);
    const made = await operate(node, `STREAM.CREATE.${stream}`, config);
    expect(made.error).to.equal(undefined);
    expect(await faultOf(node.journal.newest(1))).to.equal('gone');
  });

  it('comes back without its files, lets nobody go on as if nothing were', async () => {
    const node = await open();
    const newest = await node.journal.append(appendOf(1, 0, 'first'));
    await server.kill();
    await rm(join(server.dir, 'jetstream'), { recursive: true });
    await server.start();
    const append = appendOf(1, newest, 'second');
    await eventually(async () => (await faultOf(node.journal.append(append))) === 'gone');
    expect(node.failures).to.have.length(1);
  });

  it('comes back with another stream of the same configuration, takes nothing of an old owner, even where his expectation fits', async () => {
    const old = await open();
    const newest = await old.journal.append(appendOf(1, 0, 'first'));
    const { config } = await operate(old, `STREAM.INFO.${stream}`);
    await server.kill();
    await rm(join(server.dir, 'jetstream'), { recursive: true });
    // Where the old owner does not see it.
    const elsewhere = await startNats(['--store_dir', server.dir]);
    const operator = await connectNats({ url: elsewhere.url, name: 'operator' });
    try {
      const { connection } = operator;
      await connection.request(`$JS.API.STREAM.CREATE.${stream}`, JSON.stringify(config));
      const publish = (shard: number) =>
        connection
          .jetstream()
          .publish(config.subjects[0]?.replace('*', `${shard}`) ?? '', Buffer.from('other'));
      for (let seq = 1; seq < newest; seq++) await publish(2);
      expect((await publish(1)).seq).to.equal(newest);
    } finally {
      await operator.close();
      await elsewhere.stop();
    }
    const first = new Promise<string | undefined>((resolve) => {
      old.link.onChange((change) => {
        if (change === 'back') resolve(faultOf(old.journal.append(appendOf(1, newest, 'zombie'))));
      });
    });
    await server.start();
    expect(await first).to.equal('gone');
    expect(await textsOf(await open(), 1)).to.deep.equal(['other']);
  });
});
