import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findBinaries } from './postgres-binaries.ts';
import { clusterUrl, openCluster } from './postgres-cluster.ts';
import { readPidFile } from './postgres-processes.ts';
import { chooseRunner } from './postgres-runner.ts';

/**
 * Where the PostgreSQL of this data folder listens now, as its owner; undefined where none seems to run. A hint: what
 * was killed leaves the same file behind, so try to connect.
 */
export async function runningUrl(dataDir: string): Promise<string | undefined> {
  const dir = join(dataDir, 'postgres');
  if (!existsSync(join(dir, 'password'))) return undefined;
  const [, , , port, , , , status] = await readPidFile(dir);
  if (status?.trim() !== 'ready') return undefined;
  const binaries = findBinaries();
  const cluster = await openCluster(dir, binaries, chooseRunner(dir, [binaries.postgres]));
  return clusterUrl(cluster, Number(port));
}
