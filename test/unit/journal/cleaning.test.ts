import { expect } from 'chai';
import { type JournalDisk, systemDisk } from '../../../actors/journal/journal-disk.ts';
import { createFaultyDisk } from './support/faulty-disk.ts';
import { errorOf, fill, type JournalFolder, journalFolder, texts } from './support/folder.ts';

describe('segments of trimmed records', () => {
  let folder: JournalFolder;
  const many = (count: number, from = 0) => Array.from({ length: count }, (_, n) => `text ${from + n}`);

  beforeEach(async () => {
    folder = await journalFolder();
  });
  afterEach(() => folder.dispose());

  it('go when every record in them is trimmed, and not before', async () => {
    const journal = await folder.open({ segmentBytes: 1 });
    const positions = await fill(journal, 1, many(10));
    expect(await folder.segments()).to.have.length(10);
    await journal.trim(1, positions[3] ?? 0);
    expect(await folder.segments()).to.have.length(6);
    expect(journal.usage().segments).to.equal(6);
    expect(await texts(journal, 1)).to.deep.equal(many(6, 4));
    await journal.close();
    const reopened = await folder.open({ segmentBytes: 1 });
    expect(await texts(reopened, 1)).to.deep.equal(many(6, 4));
    await fill(reopened, 1, ['next']);
  });

  it('stay while one shard still needs a record in them', async () => {
    const journal = await folder.open({ segmentBytes: 200 });
    const slow = await fill(journal, 2, ['slow', 'newest of slow']);
    const positions = await fill(journal, 1, many(20));
    const before = await folder.segments();
    await journal.trim(1, positions.at(-1) ?? 0);
    await journal.trim(2, (slow[0] ?? 0) - 1);
    expect(await folder.segments()).to.deep.equal(before);
    expect(await texts(journal, 2)).to.deep.equal(['slow', 'newest of slow']);
  });

  it('do not stay for the newest records of idle shards: those are carried forward', async () => {
    const journal = await folder.open({ segmentBytes: 1000 });
    const idle = [10, 11, 12, 13, 14];
    const kept = new Map<number, number>();
    for (const shard of idle)
      kept.set(shard, (await fill(journal, shard, ['old', `of ${shard}`])).at(-1) ?? 0);
    for (const [shard, position] of kept) await journal.trim(shard, position);
    for (let round = 0; round < 5; round++) {
      const positions = await fill(journal, 1, many(40, round * 40));
      await journal.trim(1, positions.at(-1) ?? 0);
      expect((await folder.segments()).length).to.be.at.most(2);
    }
    await journal.close();

    const reopened = await folder.open({ segmentBytes: 1000 });
    for (const [shard, position] of kept) {
      const newest = await reopened.newest(shard);
      expect(newest?.position).to.equal(position);
      expect(newest?.payload.toString()).to.equal(`of ${shard}`);
      const repeated = {
        shard,
        expected: 0,
        messageId: `${shard}/1/node/of ${shard}`,
        payload: Buffer.from('of'),
      };
      expect(await reopened.append(repeated)).to.equal(position);
      expect(await errorOf(reopened.append({ ...repeated, messageId: 'other' }))).to.have.property(
        'fault',
        'refused',
      );
      await fill(reopened, shard, ['next']);
      expect(await texts(reopened, shard)).to.deep.equal([`of ${shard}`, 'next']);
    }
  });

  it('carry nothing for a shard that appends meanwhile', async () => {
    const journal = await folder.open({ segmentBytes: 200 });
    const [first = 0] = await fill(journal, 2, ['first']);
    const positions = await fill(journal, 1, many(20));
    await journal.trim(2, first);
    await Promise.all([
      journal.trim(1, positions.at(-1) ?? 0),
      journal.append({ shard: 2, expected: first, messageId: 'second', payload: Buffer.from('second') }),
    ]);
    await journal.close();
    const reopened = await folder.open();
    expect((await texts(reopened, 2)).at(-1)).to.equal('second');
    await fill(reopened, 2, ['third']);
  });

  it('carry no copy of a record that is no longer the newest when its turn comes', async () => {
    const held = holdReads();
    const journal = await folder.open({ segmentBytes: 200, disk: held.disk });
    const [first = 0] = await fill(journal, 2, ['first']);
    const positions = await fill(journal, 1, many(20));
    await journal.trim(2, first);
    held.hold();
    const trimmed = journal.trim(1, positions.at(-1) ?? 0);
    await held.reached;
    const payload = Buffer.from('second');
    await journal.append({ shard: 2, expected: first, messageId: 'second', payload });
    held.release();
    await trimmed;
    expect(journal.failure()).to.equal(undefined);
    expect(await texts(journal, 2)).to.deep.equal(['second']);
  });

  it('are looked up again by a read that finds one gone', async () => {
    const held = holdReads();
    const journal = await folder.open({ segmentBytes: 1, disk: held.disk });
    const positions = await fill(journal, 1, many(5));
    held.hold();
    const read = journal.read(1, 0, 100);
    await held.reached;
    await journal.trim(1, positions[2] ?? 0);
    held.release();
    expect((await read).map(({ position }) => position)).to.deep.equal(positions.slice(3));
  });

  it('can be read while they go', async () => {
    const journal = await folder.open({ segmentBytes: 1 });
    const positions = await fill(journal, 1, many(60));
    const trims = positions.map((position) => journal.trim(1, position));
    for (let going = true; going; ) {
      going = (await folder.segments()).length > 1;
      const seen = (await journal.read(1, 0, 100)).map(({ position }) => position);
      expect(seen).to.deep.equal(positions.slice(-seen.length));
    }
    await Promise.all(trims);
  });

  it('stay when they cannot be deleted, and go with a later trim', async () => {
    const disk = createFaultyDisk();
    const journal = await folder.open({ disk, segmentBytes: 1 });
    const positions = await fill(journal, 1, many(5));
    disk.fail('remove', 'EACCES');
    expect((await errorOf(journal.trim(1, positions[2] ?? 0)))?.message).to.include('EACCES');
    expect(await folder.segments()).to.have.length(5);
    await fill(journal, 1, ['next']);
    await journal.trim(1, positions[2] ?? 0);
    expect(await folder.segments()).to.have.length(3);
    expect(journal.failure()).to.equal(undefined);
  });

  it('end the writing when the folder cannot be synced after one went', async () => {
    const disk = createFaultyDisk();
    const journal = await folder.open({ disk, segmentBytes: 1 });
    const positions = await fill(journal, 1, many(5));
    disk.fail('syncFolder', 'EIO');
    expect(await errorOf(journal.trim(1, positions[2] ?? 0))).to.have.property('fault', 'failed');
    expect(journal.failure()?.message).to.include('EIO');
    await journal.close();
    expect((await texts(await folder.open(), 1)).at(-1)).to.equal('text 4');
  });
});

/** The real disk, on which opening a file for reading can be held up. */
function holdReads() {
  const opened = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  let holding = false;
  const disk: JournalDisk = {
    ...systemDisk,
    async open(path, mode) {
      if (holding && mode === 'read') {
        opened.resolve();
        await released.promise;
      }
      return systemDisk.open(path, mode);
    },
  };
  return {
    disk,
    /** Resolves when a read is held up. */
    reached: opened.promise,
    hold() {
      holding = true;
    },
    release() {
      holding = false;
      released.resolve();
    },
  };
}
