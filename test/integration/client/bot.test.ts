import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Client, connect, register } from 'suhbat/client';
import { freePort } from '../../../ops/process/free-port.ts';
import { type Program, startProgram } from '../../support/process.ts';
import { until } from '../../support/until.ts';

const root = join(import.meta.dirname, '..', '..', '..');

describe("the bot of the client's README", function () {
  this.timeout(150_000);

  let folder = '';
  let program: Program | undefined;
  let bot: ChildProcess | undefined;
  let client: Client | undefined;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'suhbat-bot-'));
  });
  after(async () => {
    client?.close();
    if (bot && bot.exitCode === null && bot.signalCode === null) {
      bot.kill('SIGKILL');
      await once(bot, 'close');
    }
    program?.kill();
    await program?.ended();
    // PostgreSQL may still be dying in it.
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  it('answers from a project of its own, also after the server was killed, and ends when asked to', async () => {
    const env = { SUHBAT_DATA_DIR: join(folder, 'data'), SUHBAT_PORT: String(await freePort()) };
    program = startProgram({ env });
    const url = await program.ready();

    // A project that has linked this one, as `npm install` of a folder does.
    const project = join(folder, 'project');
    await mkdir(join(project, 'node_modules'), { recursive: true });
    await symlink(root, join(project, 'node_modules', 'suhbat'));
    await writeFile(join(project, 'package.json'), '{"type":"module"}');
    const readme = await readFile(join(root, 'gateway', 'client', 'README.md'), 'utf8');
    const code = readme.split('## A bot')[1]?.split('```ts\n')[1]?.split('```')[0] ?? '';
    await writeFile(join(project, 'bot.ts'), code);

    let said = '';
    bot = spawn(process.execPath, ['bot.ts', url, 'echo_bot', 'a long password'], { cwd: project });
    for (const stream of [bot.stdout, bot.stderr])
      stream?.setEncoding('utf8').on('data', (text) => {
        said += text;
      });
    const ended = once(bot, 'close');
    await until(`the bot to listen: ${said}`, () => said.includes('echo_bot listens'), 20_000);

    const account = { email: 'ali@example.com', username: 'ali', password: 'a long password' };
    client = connect({ url, tokens: await register(url, account) });
    const heard: (string | null)[] = [];
    client.on('message', ({ kind, sender_id, text }) => {
      if (kind === 'text' && sender_id !== client?.userId) heard.push(text);
    });
    await client.synced();
    const chat = await client.createPrivateChat({ username: 'echo_bot' });
    await client.send({ chat_id: chat.id, text: 'Salom' });
    await until('the answer', () => heard.length === 1, 20_000);

    program.kill();
    await program.ended();
    program = startProgram({ env });
    await program.ready();
    await client.send({ chat_id: chat.id, text: 'Are you there?' });
    await until('the second answer', () => heard.length === 2, 30_000);
    expect(heard).to.deep.equal(['You said: Salom', 'You said: Are you there?']);

    bot.kill('SIGTERM');
    const [exit] = await ended;
    expect(exit, said).to.equal(0);
  });
});
