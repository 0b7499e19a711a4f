import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Program, startProgram } from '../../support/process.ts';

const root = join(import.meta.dirname, '..', '..', '..');

describe("README's first conversation", function () {
  this.timeout(120_000);

  let folder = '';
  let program: Program | undefined;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'suhbat-readme-'));
  });
  after(async () => {
    program?.kill();
    await program?.ended();
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  it('works as it stands there but for its pauses, pasted into a shell', async () => {
    program = startProgram({ env: { SUHBAT_DATA_DIR: folder } });
    const url = await program.ready();
    const readme = await readFile(join(root, 'README.md'), 'utf8');
    const pasted = readme.split('## A first conversation')[1]?.split('```sh\n')[1]?.split('```')[0] ?? '';

    const shell = spawn('bash', [], { cwd: root, stdio: ['pipe', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [shell.stdout, shell.stderr])
      stream.setEncoding('utf8').on('data', (text) => {
        said += text;
      });
    // What is enough for who reads along is not for a machine that does much else.
    const slower = [
      ['sleep 2', 'sleep 6'],
      ['5000', '14000'],
      ['http://127.0.0.1:8080', url],
    ] as const;
    for (const [words] of slower) expect(pasted.split(words), words).to.have.length(2);
    shell.stdin.end(slower.reduce((text, [words, others]) => text.replace(words, others), pasted));
    const [code] = await once(shell, 'close');

    expect(code, said).to.equal(0);
    expect(said).to.match(/^\{.*"type":"ready".*\}$/m);
    expect(said).to.match(/^\{.*"type":"message.new".*Salom, Vali!.*\}$/m);
    // The answer to Ali, the frame to Vali, and the history that Vali reads.
    expect(said.match(/Salom, Vali!/g)).to.have.length(3);
  });
});
