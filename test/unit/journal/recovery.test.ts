import { copyFile, readFile, stat, truncate, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { crc32c } from '../../../actors/journal/crc32c.ts';
import { JournalError } from '../../../actors/journal/journal.ts';
import { recordBytes } from '../../../actors/journal/record-codec.ts';
import type { JournalCut } from '../../../actors/journal/recovery.ts';
import { encodeSegmentHead, SEGMENT_HEAD_BYTES } from '../../../actors/journal/segment.ts';
import { errorOf, fill, type JournalFolder, journalFolder, texts } from './support/folder.ts';

/** Bytes of the record that `fill` appends for a text. */
const size = (text: string) => recordBytes(`1/1/node/${text}`, Buffer.from(text));

describe('what a crash left of the file journal', () => {
  let folder: JournalFolder;
  let cuts: JournalCut[];
  const onCut = (cut: JournalCut) => void cuts.push(cut);

  beforeEach(async () => {
    folder = await journalFolder();
    cuts = [];
  });
  afterEach(() => folder.dispose());

  /** Appends, and closes; the segments end with their records, so that every byte is a record's. */
  async function write(appended: readonly string[], segmentBytes = 1): Promise<string[]> {
    const journal = await folder.open({ segmentBytes });
    await fill(journal, 1, appended);
    await journal.close();
    return folder.segments();
  }

  async function oneSegment(appended: readonly string[]): Promise<{ path: string; bytes: Buffer }> {
    const [path = ''] = await write(appended, 64 * 1024);
    const end = appended.reduce((sum, text) => sum + size(text), SEGMENT_HEAD_BYTES);
    await truncate(path, end);
    return { path, bytes: await readFile(path) };
  }

  async function flip(path: string, at: number): Promise<void> {
    const bytes = await readFile(path);
    bytes[at] = (bytes[at] ?? 0) ^ 0x10;
    await writeFile(path, bytes);
  }

  it('cuts a last record that is torn at any byte, and goes on after the one before', async () => {
    const { path, bytes } = await oneSegment(['one', 'two', 'three']);
    const whole = bytes.length - size('three');
    for (let length = whole + 1; length < bytes.length; length++) {
      for (const zeros of [0, 4096]) {
        cuts = [];
        await writeFile(path, Buffer.concat([bytes.subarray(0, length), Buffer.alloc(zeros)]));
        const journal = await folder.open({ onCut });
        expect(await texts(journal, 1)).to.deep.equal(['one', 'two']);
        expect(cuts).to.deep.equal([{ path, at: whole, bytes: length - whole + zeros }]);
        await fill(journal, 1, ['four']);
        await journal.close();
        const again = await folder.open({ onCut });
        expect(await texts(again, 1)).to.deep.equal(['one', 'two', 'four']);
        expect(cuts).to.have.length(1);
        await again.close();
      }
    }
  });

  it('cuts a last record with any bit wrong', async () => {
    const { path, bytes } = await oneSegment(['one', 'two', 'three']);
    for (let at = bytes.length - size('three'); at < bytes.length; at++) {
      await writeFile(path, bytes);
      await flip(path, at);
      const journal = await folder.open({ onCut });
      expect(await texts(journal, 1)).to.deep.equal(['one', 'two']);
      await journal.close();
    }
    expect(cuts).to.have.length(size('three'));
  });

  it('cuts nothing after a clean end', async () => {
    await write(['one', 'two'], 64 * 1024);
    await (await folder.open({ onCut })).close();
    expect(cuts).to.deep.equal([]);
  });

  it('cuts a round of which only later records reached the disk', async () => {
    const journal = await folder.open();
    await fill(journal, 1, ['one']);
    await Promise.all([2, 3, 4].map((shard) => fill(journal, shard, ['together'])));
    await journal.close();
    const [path = ''] = await folder.segments();
    await flip(path, SEGMENT_HEAD_BYTES + size('one') + size('together') + 30);
    const reopened = await folder.open({ onCut });
    expect(cuts).to.have.length(1);
    expect(await Promise.all([1, 2, 3, 4].map((shard) => texts(reopened, shard)))).to.deep.equal([
      ['one'],
      ['together'],
      [],
      [],
    ]);
  });

  it('stops at a bad record that a later one follows, and changes nothing', async () => {
    const { path, bytes } = await oneSegment(['one', 'two', 'three']);
    for (let at = SEGMENT_HEAD_BYTES; at < bytes.length - size('three'); at++) {
      await writeFile(path, bytes);
      await flip(path, at);
      const damaged = await readFile(path);
      const error = await errorOf(folder.open({ onCut }));
      expect(error).to.be.instanceOf(JournalError);
      const record = at < SEGMENT_HEAD_BYTES + size('one') ? 0 : size('one');
      expect(error?.message).to.include(`${path} is damaged at byte ${SEGMENT_HEAD_BYTES + record}`);
      expect(await readFile(path)).to.deep.equal(damaged);
    }
    expect(cuts).to.deep.equal([]);
  });

  it('stops at any wrong bit in an older segment', async () => {
    const [path = '', ...others] = await write(['one', 'two', 'three']);
    expect(others).to.have.length(2);
    const { size: length } = await stat(path);
    expect(length).to.equal(SEGMENT_HEAD_BYTES + size('one'));
    const bytes = await readFile(path);
    for (let at = 0; at < length; at++) {
      await writeFile(path, bytes);
      await flip(path, at);
      expect((await errorOf(folder.open({ onCut })))?.message).to.include(path);
    }
    expect(cuts).to.deep.equal([]);
  });

  it('stops when an older segment is cut short or lost', async () => {
    const [first = '', second = '', third = ''] = await write(['one', 'two', 'three']);
    await truncate(second, SEGMENT_HEAD_BYTES);
    expect((await errorOf(folder.open()))?.message).to.include(
      `${third} begins with position 3, where 2 follows`,
    );
    await unlink(second);
    expect((await errorOf(folder.open()))?.message).to.include(
      `${third} begins with position 3, where 2 follows`,
    );
    expect(await folder.segments()).to.deep.equal([first, third]);
  });

  it('stops at a segment of another journal, and at one under a wrong name', async () => {
    const other = await journalFolder();
    try {
      const [first = ''] = await write(['one', 'two']);
      await fill(await other.open({ segmentBytes: 1 }), 1, ['one', 'two']);
      const [, strange = ''] = await other.segments();
      await copyFile(strange, join(folder.dir, '0000000000000002.journal'));
      expect((await errorOf(folder.open()))?.message).to.include('belongs to journal');
      await copyFile(first, join(folder.dir, '0000000000000002.journal'));
      expect((await errorOf(folder.open()))?.message).to.include('is named 2 but begins with 1');
    } finally {
      await other.dispose();
    }
  });

  it('takes away a new segment whose head was not finished', async () => {
    const [, , path = ''] = await write(['one', 'two', 'three']);
    const head = (await readFile(path)).subarray(0, SEGMENT_HEAD_BYTES);
    for (const length of [0, 20, SEGMENT_HEAD_BYTES - 1]) {
      await writeFile(path, head.subarray(0, length));
      cuts = [];
      const journal = await folder.open({ onCut, segmentBytes: 1 });
      expect(cuts).to.deep.equal([{ path, at: 0, bytes: length }]);
      expect(await texts(journal, 1)).to.deep.equal(['one', 'two']);
      await journal.close();
      expect(await folder.segments()).to.have.length(2);
    }
  });

  it('does not take a segment with records for an unfinished one', async () => {
    const { path } = await oneSegment(['one']);
    await flip(path, 3);
    expect((await errorOf(folder.open({ onCut })))?.message).to.include(`${path} is damaged at byte 0`);
  });

  it('stops at a segment of another format', async () => {
    const { path, bytes } = await oneSegment([]);
    const head = encodeSegmentHead({ id: '00000000-0000-4000-8000-000000000000', first: 1 });
    head.writeUInt32LE(2, 8);
    head.writeUInt32LE(crc32c(head, 0, SEGMENT_HEAD_BYTES - 4), SEGMENT_HEAD_BYTES - 4);
    await writeFile(path, Buffer.concat([head, bytes.subarray(SEGMENT_HEAD_BYTES)]));
    expect((await errorOf(folder.open()))?.message).to.include('has format 2');
  });

  it('stops, and cuts nothing, when the cut would reach below the checkpoint', async () => {
    const { path, bytes } = await oneSegment(['one', 'two', 'three']);
    await flip(path, bytes.length - 1);
    const torn = await readFile(path);
    const asked: string[] = [];
    const checkpoints = (shard: number, position: number) => async (id: string) => {
      asked.push(id);
      return new Map([[shard, position]]);
    };
    const error = await errorOf(folder.open({ onCut, checkpoints: checkpoints(1, 3) }));
    expect(error?.message).to.include(
      'ends at position 2 for shard 1, but PostgreSQL holds its records up to 3',
    );
    expect(error?.message).to.include(`The bad tail of ${path}`);
    expect(await readFile(path)).to.deep.equal(torn);
    expect(cuts).to.deep.equal([]);

    const journal = await folder.open({ onCut, checkpoints: checkpoints(1, 2) });
    expect(asked).to.deep.equal([journal.id, journal.id]);
    expect(cuts).to.have.length(1);
  });

  it('leaves it to the claims where a shard is below its checkpoint and every record is whole', async () => {
    await write(['one']);
    const checkpoints = async () => new Map([[9, 1]]);
    expect(await errorOf(folder.open({ checkpoints }))).to.equal(undefined);
  });
});
