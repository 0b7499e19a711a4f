import { join } from 'node:path';
import { emitKeypressEvents } from 'node:readline';
import { parseArgs } from 'node:util';
import { loadConfig } from '../config/load.ts';
import { openSecrets } from '../config/secrets.ts';
import { openDataFolder } from '../embedded/data-folder.ts';
import { startSentence } from '../process/run.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { type Sample, sampleOf } from './sample.ts';
import { type Row, tableLines } from './table.ts';
import { createTargets, keys, type Target } from './targets.ts';

/** `npm run cluster`: a whole cluster on this machine, a live table of it, and keys that hurt it. */

const root = join(import.meta.dirname, '..', '..');
const help = `A cluster on this machine: nats-server, redis-server, PostgreSQL, and Suhbat's processes on free ports.

npm run cluster -- [--gateways 2] [--actors 3] [--services 1] [--dir data/cluster]

Keys: 1–9, a–f, h–j  select   k  kill -9   p  pause, go on   s  SIGTERM (it drains)   r  start again
      +  one more actors process   g  one more gateway   q, Ctrl-C  end everything
      PostgreSQL comes back by itself after k and s (for it a fast shutdown).
Where the output is no terminal, the table is written every five seconds.
`;

const everyMs = 1000;
const plainEveryMs = 5000;
const notesKept = 6;

async function run(): Promise<void> {
  const { values } = parseArgs({
    options: {
      gateways: { type: 'string', default: '2' },
      actors: { type: 'string', default: '3' },
      services: { type: 'string', default: '1' },
      dir: { type: 'string', default: join(root, 'data', 'cluster') },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(help);
    return;
  }
  const counts = {
    gateway: count('gateways', values.gateways),
    actors: count('actors', values.actors),
    services: count('services', values.services),
  };
  const folder = await openDataFolder(values.dir);
  const config = loadConfig({}, []);
  if (config === 'help') throw new Error('unreachable');
  const secrets = await openSecrets(config, folder.path);
  const notes: string[] = [];
  const note = (text: string) => {
    notes.push(`${new Date().toISOString().slice(11, 19)} ${text}`);
    if (notes.length > notesKept) notes.shift();
  };
  const cluster = await startCluster({
    dir: folder.path,
    counts,
    env: {
      SUHBAT_TOKEN_KEY: Buffer.from(secrets.tokenKey).toString('base64'),
      SUHBAT_REFRESH_SECRET: secrets.refreshSecret,
    },
    onStep: (what) => process.stdout.write(`starting ${what} …\n`),
    onLine: (name, line) => note(`${name}: ${messageOf(line)}`),
  });
  await show(cluster, notes, note);
  process.stdout.write('ending …\n');
  await cluster.stop();
  folder.release();
}

function count(name: string, text: string): number {
  if (!/^[1-9]$/.test(text)) throw new Error(`--${name} must be a number from 1 to 9.`);
  return Number(text);
}

/** Of a log line, what a person reads. */
function messageOf(line: string): string {
  try {
    const { level, namespace, msg } = JSON.parse(line) as Record<string, unknown>;
    return `${level} ${namespace ?? ''} ${msg}`;
  } catch {
    return line;
  }
}

/** Until somebody wants the end. */
async function show(cluster: Cluster, notes: string[], note: (text: string) => void): Promise<void> {
  const terminal = process.stdout.isTTY === true && process.stdin.isTTY === true;
  const samples = new Map<string, [Sample | undefined, Sample | undefined]>();
  const targetsNow = createTargets(cluster);
  let selected = '1';
  let wake = () => {};
  let over = false;
  const finish = () => {
    over = true;
    wake();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, finish);

  const act = (what: string, doing: Promise<unknown>) => {
    note(what);
    doing.then(
      () => note(`${what}: done`),
      (error: Error) => note(`${what}: ${error.message.split('\n')[0]}`),
    );
  };

  function onKey(name: string): void {
    const target = targetsNow().find(({ key }) => key === selected);
    if (name.length === 1 && keys.includes(name)) selected = name;
    else if (name === 'q') finish();
    else if (name === '+') act('one more actors process', cluster.add('actors'));
    else if (name === 'g') act('one more gateway', cluster.add('gateway'));
    else if (target === undefined) return;
    else if (name === 'k') act(`kill -9 ${target.name}`, target.kill());
    else if (name === 's') act(`SIGTERM ${target.name}`, target.end());
    else if (name === 'r') act(`start ${target.name}`, target.start());
    else if (name === 'p' && target.state() === 'paused') act(`go on ${target.name}`, target.resume());
    else if (name === 'p') act(`pause ${target.name}`, target.pause());
    wake();
  }

  if (terminal) {
    emitKeypressEvents(process.stdin);
    process.stdin.setRawMode(true).resume();
    process.stdin.on('keypress', (text: string | undefined, key: { name?: string; ctrl?: boolean }) => {
      if (key.ctrl && key.name === 'c') finish();
      else onKey(text ?? '');
    });
  }

  while (!over) {
    const targets = targetsNow();
    await Promise.all(
      targets.map(async ({ name, node }) => {
        const now = node === undefined ? undefined : await sampleOf(node);
        samples.set(name, [samples.get(name)?.[1], now]);
      }),
    );
    const rows = targets.map((target) => rowOf(target, samples.get(target.name)));
    const lines = [...tableLines(rows, terminal ? selected : ''), '', ...notes];
    process.stdout.write(
      terminal ? `\x1b[2J\x1b[H${lines.join('\n')}\n\n${help.split('\n\n')[2]}` : `${lines.join('\n')}\n`,
    );
    await new Promise<void>((resolve) => {
      wake = resolve;
      setTimeout(resolve, terminal ? everyMs : plainEveryMs);
    });
  }
  if (terminal) process.stdin.setRawMode(false).pause();
}

function rowOf(
  target: Target,
  [before, now]: [Sample | undefined, Sample | undefined] = [undefined, undefined],
): Row {
  const { key, name } = target;
  return { key, name, state: target.state(), pid: target.pid(), url: target.url(), sample: now, before };
}

try {
  await run();
} catch (error) {
  process.stderr.write(`${startSentence(error)}\n`);
  process.exit(1);
}
