import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { type JournalFolder, journalFolder } from './support/folder.ts';

const script = fileURLToPath(new URL('support/append-forever.ts', import.meta.url));
const KILLS = 8;

describe('a process that is killed while it appends', () => {
  let folder: JournalFolder;

  beforeEach(async () => {
    folder = await journalFolder();
  });
  afterEach(() => folder.dispose());

  it(`leaves every record that it acked, ${KILLS} times over`, async function () {
    this.timeout(60_000);
    const acked: string[] = [];
    for (let kill = 1; kill <= KILLS; kill++) {
      acked.push(...(await ackedUntilKilled(folder.dir, kill * 97)));
      const journal = await folder.open();
      const found = new Set<string>();
      for (let shard = 0; shard < 8; shard++) {
        let last = 0;
        for (const { position, payload } of await journal.read(shard, 0, 1_000_000)) {
          expect(position).to.be.greaterThan(last);
          last = position;
          found.add(`${shard} ${position} ${payload}`);
        }
      }
      await journal.close();
      expect(acked.filter((line) => !found.has(line))).to.deep.equal([]);
    }
  });
});

/** Runs the script, kills it after so many acks; gives every ack that it wrote as a whole line. */
async function ackedUntilKilled(dir: string, acks: number): Promise<string[]> {
  const child = spawn(process.execPath, [script, dir], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let errors = '';
  let lines = 0;
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    lines += text.split('\n').length - 1;
    if (lines >= acks) child.kill('SIGKILL');
  });
  try {
    const [, signal] = await once(child, 'close');
    expect(signal, errors).to.equal('SIGKILL');
  } finally {
    child.kill('SIGKILL');
  }
  return output.slice(0, output.lastIndexOf('\n')).split('\n');
}
