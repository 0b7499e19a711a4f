import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Child, startChild } from '../../ops/cluster/child.ts';
import { findProgram, onPath } from '../../ops/cluster/find-program.ts';
import { freePort } from '../../ops/process/free-port.ts';
import { eventually } from './eventually.ts';

/** The smallest Ceph that speaks S3: a monitor, a store in memory, and the gateway of objects before them. */
export interface Ceph {
  /** Of its S3. */
  readonly endpoint: string;
  /** As on a broken network: it takes connections, and answers nothing. */
  pause(): Promise<void>;
  resume(): void;
  /** Ends all of it and removes its folder. */
  stop(): Promise<void>;
}

const run = promisify(execFile);
const stepMs = 60_000;
const outputMost = 10_000;

/** On free ports of the loopback address, in 3 s and 130 MB; any user of the machine can. */
export async function startCeph(user: { accessKey: string; secretKey: string }): Promise<Ceph> {
  const programs = {
    monitor: findProgram('ceph-mon'),
    store: findProgram('ceph-osd'),
    gateway: findProgram('radosgw'),
  };
  const dir = await mkdtemp(join(tmpdir(), 'suhbat-ceph-'));
  const [monitorPort, port] = [await freePort(), await freePort()];
  const conf = join(dir, 'ceph.conf');
  const children: Child[] = [];
  let output = '';

  const begin = (program: string, args: readonly string[]) => {
    const child = startChild(program, ['--conf', conf, '--foreground', ...args], { cwd: dir }, (text) => {
      output = `${output}${text}`.slice(-outputMost);
    });
    children.push(child);
    return child;
  };
  /** A program that ends by itself. */
  const once = async (program: string, ...args: readonly string[]) => {
    const path = onPath([program]) ?? program;
    await run(path, ['--conf', conf, ...args], { cwd: dir, timeout: stepMs, killSignal: 'SIGKILL' });
  };
  // When a run ends in the middle the programs end by themselves.
  const forget = () => rmSync(dir, { recursive: true, force: true });
  process.once('exit', forget);
  const stop = async () => {
    process.off('exit', forget);
    await Promise.all(children.map((child) => child.finish('SIGKILL')));
    await rm(dir, { recursive: true, force: true });
  };

  try {
    const [cluster, store] = [randomUUID(), randomUUID()];
    await writeFile(conf, settings({ dir, cluster, monitorPort, port }));
    await Promise.all(['store', 'gateway'].map((name) => mkdir(join(dir, name))));
    const where = `[v2:127.0.0.1:${monitorPort}]`;
    await once('monmaptool', '--create', '--fsid', cluster, '--addv', 'a', where, join(dir, 'monmap'));
    await once('ceph-mon', '--mkfs', '--id', 'a', '--monmap', join(dir, 'monmap'));
    begin(programs.monitor, ['--id', 'a']);
    await once('ceph', 'osd', 'new', store);
    await once('ceph-osd', '--mkfs', '--id', '0', '--osd-uuid', store);
    begin(programs.store, ['--id', '0']);
    // Waits until the store takes what it writes.
    await once(
      'radosgw-admin',
      ...['user', 'create', '--uid', 'suhbat', '--display-name', 'suhbat'],
      ...['--access-key', user.accessKey, '--secret-key', user.secretKey],
    );
    const gateway = begin(programs.gateway, ['--name', 'client.gateway']);
    const endpoint = `http://127.0.0.1:${port}`;
    await eventually(async () => {
      if (!gateway.alive()) throw new Error('radosgw ended');
      return (await fetch(endpoint)).status === 200;
    }, stepMs);
    return {
      endpoint,
      pause: () => gateway.pause(),
      resume: () => gateway.signal('SIGCONT'),
      stop,
    };
  } catch (error) {
    await stop();
    throw new Error(`Ceph does not start: ${error}\n${output}`);
  }
}

interface Places {
  dir: string;
  /** Its id. */
  cluster: string;
  monitorPort: number;
  port: number;
}

function settings({ dir, cluster, monitorPort, port }: Places): string {
  return `[global]
fsid = ${cluster}
mon host = v2:127.0.0.1:${monitorPort}/0
mon initial members = a
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
ms bind msgr1 = false

# Who asks for objects is checked by S3; between its own parts, on this machine, nobody is. The gateway would want this
# encrypted, for which there is no key then.
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc

# One copy of everything, in memory, in as few pieces as can be.
osd objectstore = memstore
enable experimental unrecoverable data corrupting features = memstore
mon allow pool size one = true
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
rgw rados pool pg num min = 1
mon max pg per osd = 1000
mon data avail crit = 0

# Each change of its map waits so long for others: a second by default, for a dozen of changes.
paxos propose interval = 0.02
paxos min wait = 0.01

mon data = ${dir}/monitor
osd data = ${dir}/store
rgw data = ${dir}/gateway
run dir = ${dir}
crash dir = ${dir}
admin socket =
pid file =
log file =
mon cluster log file =
rgw frontends = beast endpoint=127.0.0.1:${port}
rgw enable apis = s3
rgw thread pool size = 32
`;
}
