import { join } from 'node:path';
import { emitKeypressEvents } from 'node:readline';
import { parseArgs } from 'node:util';
import { loadConfig } from '../config/load.ts';
import { openSecrets } from '../config/secrets.ts';
import { openDataFolder } from '../embedded/data-folder.ts';
import { startSentence } from '../process/run.ts';
import { type Cluster, startCluster } from './cluster.ts';
import type { Node } from './node.ts';
import { type Sample, sampleOf } from './sample.ts';
import { type Row, tableLines } from './table.ts';

/** `npm run cluster`: a whole cluster on this machine, a live table of it, and keys that hurt it. */

const root = join(import.meta.dirname, '..', '..');
const help = `A cluster on this machine: nats-server, redis-server, PostgreSQL, and Suhbat's processes on free ports.

npm run cluster -- [--gateways 2] [--actors 3] [--services 1] [--dir data/cluster]

Keys: 1–9, a–f, h–j  select   k  kill -9   p  pause, go on   s  SIGTERM (it drains)   r  start again
      +  one more actors process   g  one more gateway   q, Ctrl-C  end everything
Where the output is no terminal, the table is written every five seconds.
`;

/** Selectable: a process of Suhbat, or one of the servers. */
interface Target {
  key: string;
  name: string;
  state(): Row['state'];
  pid(): number;
  url(): string | undefined;
  node?: Node;
  kill(): Promise<unknown>;
  pause(): void;
  resume(): void;
  end(): Promise<unknown>;
  start(): Promise<unknown>;
}

const keys = '123456789abcdefhij';
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
    const target = targetsOf(cluster).find(({ key }) => key === selected);
    if (name.length === 1 && keys.includes(name)) selected = name;
    else if (name === 'q') finish();
    else if (name === '+') act('one more actors process', cluster.add('actors'));
    else if (name === 'g') act('one more gateway', cluster.add('gateway'));
    else if (target === undefined) return;
    else if (name === 'k') act(`kill -9 ${target.name}`, target.kill());
    else if (name === 's') act(`SIGTERM ${target.name}`, target.end());
    else if (name === 'r') act(`start ${target.name}`, target.start());
    else if (name === 'p') {
      note(`${target.state() === 'paused' ? 'go on' : 'pause'} ${target.name}`);
      if (target.state() === 'paused') target.resume();
      else target.pause();
    }
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
    const targets = targetsOf(cluster);
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

function targetsOf(cluster: Cluster): Target[] {
  const nodes = cluster.nodes.map((node) => ({
    name: node.name,
    node,
    state: () => node.state,
    pid: () => node.pid,
    url: () => node.url,
    kill: () => node.kill(),
    pause: () => node.pause(),
    resume: () => node.resume(),
    end: () => node.end(),
    start: () => node.start(),
  }));
  const servers = (['nats', 'redis'] as const).map((name) => serverTarget(name, cluster[name]));
  return [...nodes, ...servers].map((target, at) => ({ ...target, key: keys[at] ?? '' }));
}

const pausedServers = new Set<string>();

function serverTarget(name: string, server: Cluster['nats']): Omit<Target, 'key'> {
  const gone = () => pausedServers.delete(name);
  return {
    name: `${name}-server`,
    state: () => (server.pid === 0 ? 'down' : pausedServers.has(name) ? 'paused' : 'ready'),
    pid: () => server.pid,
    url: () => server.url,
    kill: () => server.kill().finally(gone),
    pause() {
      server.signal('SIGSTOP');
      pausedServers.add(name);
    },
    resume() {
      server.signal('SIGCONT');
      gone();
    },
    end: () => server.end().finally(gone),
    start: async () => (server.pid === 0 ? server.start() : undefined),
  };
}

try {
  await run();
} catch (error) {
  process.stderr.write(`${startSentence(error)}\n`);
  process.exit(1);
}
