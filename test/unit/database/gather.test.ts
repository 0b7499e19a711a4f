import { expect } from 'chai';
import { gather } from '../../../ops/connections/gather.ts';
import { eventually } from '../../support/eventually.ts';

describe('gathered reads', () => {
  /** The keys of each read, and what ends it. */
  let reads: { keys: readonly number[]; end(error?: Error): void }[];
  const read = (keys: readonly number[]) =>
    new Promise<string[]>((resolve, reject) => {
      reads.push({
        keys,
        end: (error) => (error ? reject(error) : resolve(keys.map((key) => `row ${key}`))),
      });
    });
  const until = (count: number) => eventually(async () => reads.length === count);

  beforeEach(() => {
    reads = [];
  });

  it('go together when they were asked for in one turn, and give each caller its own', async () => {
    const load = gather(read);
    const asked = Promise.all([3, 1, 3, 2].map(load));
    await until(1);
    expect(reads[0]?.keys).to.deep.equal([3, 1, 3, 2]);
    reads[0]?.end();
    expect(await asked).to.deep.equal(['row 3', 'row 1', 'row 3', 'row 2']);
  });

  it('wait while as many are under way as may be, and then go together', async () => {
    const load = gather(read, { mostReads: 1 });
    const first = load(1);
    await until(1);
    const later: Promise<string>[] = [];
    for (const key of [2, 3, 4]) {
      later.push(load(key));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(reads).to.have.length(1);
    reads[0]?.end();
    expect(await first).to.equal('row 1');
    await until(2);
    expect(reads[1]?.keys).to.deep.equal([2, 3, 4]);
    reads[1]?.end();
    expect(await Promise.all(later)).to.deep.equal(['row 2', 'row 3', 'row 4']);
  });

  it('are cut into pieces of so many keys', async () => {
    const load = gather(read, { mostKeys: 2 });
    const asked = Promise.all([1, 2, 3].map(load));
    await until(2);
    expect(reads.map(({ keys }) => keys)).to.deep.equal([[1, 2], [3]]);
    for (const { end } of reads) end();
    expect(await asked).to.have.length(3);
  });

  it('fail for all of one read, and for nobody else', async () => {
    const load = gather(read, { mostKeys: 2, mostReads: 1 });
    const asked = Promise.allSettled([1, 2, 3].map(load));
    await until(1);
    reads[0]?.end(new Error('the database is away'));
    await until(2);
    reads[1]?.end();
    expect((await asked).map(({ status }) => status)).to.deep.equal(['rejected', 'rejected', 'fulfilled']);
  });
});
