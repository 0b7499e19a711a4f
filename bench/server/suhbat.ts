import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeOptions } from '../../test/support/node-options.ts';
import { metricSums, type Population, populationOf, settings } from './population.ts';
import { type ProfileWish, profiled } from './profiles.ts';
import { startProgram } from './program.ts';
import type { Subject } from './subject.ts';

export interface SuhbatOptions {
  /** The checkout whose `ops/main.ts` runs. */
  root: string;
  /** For its journal and its log. */
  folder: string;
  database: { url: string; pid: number };
  /** Settings that differ from the defaults. Limits are out of the way in any case. */
  env?: Record<string, string>;
  profiles?: ProfileWish;
}

export interface Suhbat extends Subject, Population {
  readonly url: string;
  /** The URL of its database. */
  readonly database: string;
  /** The metrics as Prometheus reads them: the sum of the samples of each name. */
  metrics(): Promise<Map<string, number>>;
}

/** Suhbat, all roles in one process, beside a PostgreSQL of which the CPU is measured apart. */
export async function startSuhbat(options: SuhbatOptions): Promise<Suhbat> {
  const { root, folder, database, env = {}, profiles } = options;
  for (const needed of [folder, profiles?.folder ?? folder]) await mkdir(needed, { recursive: true });
  const program = await startProgram({
    args: [...nodeOptions(root), join(root, 'ops/main.ts')],
    cwd: root,
    env: {
      ...settings,
      SUHBAT_PORT: '0',
      SUHBAT_DATA_DIR: folder,
      DATABASE_URL: database.url,
      ...profiled(profiles, 'suhbat'),
      ...env,
    },
    log: join(folder, 'suhbat.log'),
  });
  const url = `http://127.0.0.1:${program.port}`;
  return {
    name: 'suhbat',
    dialect: 'suhbat',
    acks: true,
    url,
    database: database.url,
    ...program,
    databasePid: database.pid,
    ...(profiles === undefined ? {} : { profile: () => void process.kill(program.pid, 'SIGUSR2') }),
    ...populationOf({ url, database: database.url }),
    metrics: () => metricSums([`${url}/metrics`]),
  };
}
