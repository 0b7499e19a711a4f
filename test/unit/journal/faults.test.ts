import { open } from 'node:fs/promises';
import { expect } from 'chai';
import { JournalError } from '../../../actors/journal/journal.ts';
import type { JournalRound } from '../../../actors/journal/round-writer.ts';
import { createFaultyDisk, type FaultyDisk } from './support/faulty-disk.ts';
import { errorOf, fill, type JournalFolder, journalFolder, texts } from './support/folder.ts';

describe('a disk that fails under the file journal', () => {
  let folder: JournalFolder;
  let disk: FaultyDisk;
  let failures: JournalError[];
  const onFailure = (failure: JournalError) => void failures.push(failure);

  beforeEach(async () => {
    folder = await journalFolder();
    disk = createFaultyDisk();
    failures = [];
  });
  afterEach(() => folder.dispose());

  async function faultOf(attempt: Promise<unknown>): Promise<string | undefined> {
    const error = await errorOf(attempt);
    if (error !== undefined && !(error instanceof JournalError)) throw error;
    return error?.fault;
  }

  for (const [call, code] of [
    ['datasync', 'EIO'],
    ['datasync', 'ENOSPC'],
    ['write', 'EIO'],
  ] as const) {
    it(`takes no more writes after ${code} of a ${call}, and still reads`, async () => {
      const journal = await folder.open({ disk, onFailure });
      await fill(journal, 1, ['one']);
      expect(journal.failure()).to.equal(undefined);
      disk.fail(call, code);
      const together = [2, 3, 4].map((shard) => faultOf(fill(journal, shard, ['lost'])));
      expect(await Promise.all(together)).to.deep.equal(['failed', 'failed', 'failed']);
      expect(await faultOf(fill(journal, 1, ['late']))).to.equal('failed');
      expect(journal.failure()?.message).to.include(code);
      expect(failures).to.deep.equal([journal.failure()]);
      expect(await texts(journal, 1)).to.deep.equal(['one']);
      expect(await texts(journal, 2)).to.deep.equal([]);
      await journal.trim(1, 1);
      await journal.close();
      expect(await texts(await folder.open(), 1)).to.deep.equal(['one']);
    });
  }

  it('rejects what waits behind a failed sync', async () => {
    const journal = await folder.open({ disk });
    disk.fail('datasync', 'EIO');
    const first = faultOf(
      journal.append({ shard: 1, expected: 0, messageId: 'a', payload: Buffer.from('a') }),
    );
    const second = faultOf(
      journal.append({ shard: 1, expected: 0, messageId: 'b', payload: Buffer.from('b') }),
    );
    expect(await Promise.all([first, second])).to.deep.equal(['failed', 'failed']);
  });

  it('keeps nothing of a round that found no room, and takes it later', async () => {
    const journal = await folder.open({ disk, onFailure });
    await fill(journal, 1, ['one']);
    for (const written of [0, 1, 40, 90]) {
      disk.fail('write', 'ENOSPC', { written });
      const payload = Buffer.from('no room');
      const messageId = `attempt ${written}`;
      const together = [1, 2, 3].map((shard) =>
        faultOf(journal.append({ shard, expected: shard === 1 ? 1 : 0, messageId, payload })),
      );
      expect(await Promise.all(together)).to.deep.equal(['full', 'full', 'full']);
    }
    expect(disk.calls.slice(-2)).to.deep.equal([
      'truncate 0000000000000001.journal',
      'sync 0000000000000001.journal',
    ]);
    expect(await texts(journal, 1)).to.deep.equal(['one']);
    await Promise.all([1, 2, 3].map((shard) => fill(journal, shard, ['room'])));
    expect(failures).to.deep.equal([]);
    await journal.close();
    const reopened = await folder.open();
    expect(await Promise.all([1, 2, 3].map((shard) => texts(reopened, shard)))).to.deep.equal([
      ['one', 'room'],
      ['room'],
      ['room'],
    ]);
  });

  it('needs no room for the zeros ahead', async () => {
    const journal = await folder.open({ disk });
    disk.fail('write', 'ENOSPC', { after: 1, written: 1000 });
    await fill(journal, 1, ['one', 'two']);
    await journal.close();
    expect(await texts(await folder.open(), 1)).to.deep.equal(['one', 'two']);
  });

  for (const call of ['truncate', 'sync'] as const) {
    it(`takes no more writes when a ${call} fails while it takes back a round`, async () => {
      const journal = await folder.open({ disk, onFailure });
      await fill(journal, 1, ['one']);
      disk.fail('write', 'ENOSPC', { written: 10 });
      disk.fail(call, 'EIO');
      expect(await faultOf(fill(journal, 1, ['two']))).to.equal('failed');
      expect(failures).to.have.length(1);
      await journal.close();
      expect(await texts(await folder.open(), 1)).to.deep.equal(['one']);
    });
  }

  it('syncs a new segment and the folder before records in it are acked', async () => {
    const journal = await folder.open({ disk, segmentBytes: 1 });
    await fill(journal, 1, ['one']);
    disk.calls.length = 0;
    await fill(journal, 1, ['two']);
    const folderName = folder.dir.slice(folder.dir.lastIndexOf('/') + 1);
    expect(disk.calls.filter((call) => !/^(open|read|close) 0+1\.journal/.test(call))).to.deep.equal([
      'truncate 0000000000000001.journal',
      'open 0000000000000002.journal',
      'write 0000000000000002.journal',
      'sync 0000000000000002.journal',
      `syncFolder ${folderName}`,
      'write 0000000000000002.journal',
      'datasync 0000000000000002.journal',
    ]);
  });

  it('says that it is full while there is no room for a new segment', async () => {
    const journal = await folder.open({ disk, segmentBytes: 1, onFailure });
    await fill(journal, 1, ['one']);
    disk.fail('open', 'ENOSPC', { after: 1 });
    expect(await faultOf(fill(journal, 1, ['two']))).to.equal('full');
    disk.fail('write', 'ENOSPC', { written: 20 });
    expect(await faultOf(fill(journal, 1, ['two']))).to.equal('full');
    expect(await folder.segments()).to.have.length(1);
    await fill(journal, 1, ['two']);
    expect(await texts(journal, 1)).to.deep.equal(['one', 'two']);
    expect(failures).to.deep.equal([]);
  });

  for (const call of ['sync', 'syncFolder'] as const) {
    for (const code of ['EIO', 'ENOSPC']) {
      it(`takes no more writes after ${code} of a new segment's ${call}`, async () => {
        const journal = await folder.open({ disk, segmentBytes: 1, onFailure });
        await fill(journal, 1, ['one']);
        disk.fail(call, code);
        expect(await faultOf(fill(journal, 1, ['two']))).to.equal('failed');
        expect(failures).to.have.length(1);
        await journal.close();
        expect(await texts(await folder.open(), 1)).to.deep.equal(['one']);
      });
    }
  }

  it('writes and syncs once for all that wait', async () => {
    const rounds: JournalRound[] = [];
    const journal = await folder.open({ disk, onRound: (round) => void rounds.push(round) });
    await fill(journal, 0, ['zeros are written ahead now']);
    disk.calls.length = 0;
    rounds.length = 0;
    const payload = Buffer.from('text');
    const shards = Array.from({ length: 64 }, (_, shard) => shard + 1);
    await Promise.all(
      shards.map((shard) => journal.append({ shard, expected: 0, messageId: 'id', payload })),
    );
    expect(disk.calls).to.deep.equal(['write 0000000000000001.journal', 'datasync 0000000000000001.journal']);
    expect(rounds.map(({ records, bytes }) => ({ records, bytes }))).to.deep.equal([
      { records: 64, bytes: 64 * (24 + 'id'.length + 'text'.length) },
    ]);
    expect(rounds[0]?.appendSeconds).to.be.at.least(rounds[0]?.syncSeconds ?? Number.NaN);
  });

  it('refuses what no record can hold, and goes on', async () => {
    const journal = await folder.open();
    const payload = Buffer.from('text');
    for (const shard of [-1, 0.5, 65_536])
      expect(
        await errorOf(journal.append({ shard, expected: 0, messageId: 'id', payload })),
      ).to.be.instanceOf(RangeError);
    for (const messageId of ['', 'x'.repeat(256)])
      expect(await errorOf(journal.append({ shard: 1, expected: 0, messageId, payload }))).to.be.instanceOf(
        RangeError,
      );
    const large = Buffer.alloc(16 * 1024 * 1024 + 1);
    expect(
      await errorOf(journal.append({ shard: 1, expected: 0, messageId: 'id', payload: large })),
    ).to.be.instanceOf(RangeError);
    await journal.append({ shard: 1, expected: 0, messageId: 'x'.repeat(255), payload: large.subarray(1) });
    expect((await journal.newest(1))?.payload.length).to.equal(16 * 1024 * 1024);
  });

  it('tells a damaged record when it is read, and hands out nothing of it', async () => {
    const journal = await folder.open();
    await fill(journal, 1, ['one', 'two']);
    const [path = ''] = await folder.segments();
    const file = await open(path, 'r+');
    await file.write(Buffer.from('T'), 0, 1, 64 + 24 + '1/1/node/one'.length);
    await file.close();
    expect((await errorOf(journal.read(1, 0, 10)))?.message).to.include(`${path} is damaged at byte 64`);
    expect((await journal.newest(1))?.payload.toString()).to.equal('two');
  });
});
