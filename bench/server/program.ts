import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';

export interface Program {
  pid: number;
  port: number;
  /** SIGTERM, and SIGKILL 20 s later. */
  stop(): Promise<void>;
}

export interface ProgramOptions {
  /** What Node runs: its options, the file, the file's arguments. */
  args: readonly string[];
  cwd: string;
  env: Record<string, string>;
  /** Where its standard error goes. */
  log: string;
}

const stopMs = 20_000;
const running = new Set<() => void>();
process.once('exit', () => {
  for (const kill of running) kill();
});

/** Runs a server until it says `… ready http://…:<port>`; Error with the end of its log when it does not. */
export async function startProgram({ args, cwd, env, log }: ProgramOptions): Promise<Program> {
  const child = spawn(process.execPath, args, {
    cwd,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, TMPDIR: process.env.TMPDIR, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const kill = () => void child.kill('SIGKILL');
  running.add(kill);
  const ended = once(child, 'exit').finally(() => running.delete(kill));
  let [said, wrong] = ['', ''];
  child.stderr.pipe(createWriteStream(log, { flags: 'a' }));
  child.stderr.on('data', (text: Buffer) => {
    wrong = (wrong + text.toString()).slice(-2000);
  });
  const port = await Promise.race([
    new Promise<number>((resolve) => {
      child.stdout.on('data', (text: Buffer) => {
        said += text.toString();
        const found = / ready http:\/\/\S+:(\d+)/.exec(said)?.[1];
        if (found !== undefined) resolve(Number(found));
      });
    }),
    ended.then(() => {
      throw new Error(`${args.at(-1)} ended before it was ready:\n${wrong}`);
    }),
  ]);
  return {
    pid: child.pid ?? 0,
    port,
    async stop() {
      const timer = setTimeout(kill, stopMs);
      child.kill('SIGTERM');
      await ended;
      clearTimeout(timer);
    },
  };
}
