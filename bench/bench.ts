import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type DataFolder, openDataFolder } from '../ops/embedded/data-folder.ts';
import { Driver } from './driver/driver.ts';
import { type SuhbatCluster, startSuhbatCluster } from './server/cluster.ts';
import { BenchPostgres } from './server/database.ts';
import { type PeerName, startPeer } from './server/peer.ts';
import type { ProfileWish } from './server/profiles.ts';
import type { Subject } from './server/subject.ts';
import { type Suhbat, startSuhbat } from './server/suhbat.ts';

export interface BenchOptions {
  /** Everything that is written while it runs; emptied at the beginning and at the end. */
  folder: string;
  /** The checkout whose Suhbat is measured. */
  root: string;
  short: boolean;
  /** Suhbat without its peers. */
  alone?: boolean;
  /** Write profiles of Suhbat under load. */
  profiles?: ProfileWish;
  say(line: string): void;
}

/** What a Suhbat keeps: a database, and the folder of its journal. */
export interface Kept {
  url: string;
  folder: string;
}

/** What scenarios measure with: servers and load, started for one use and ended after it. */
export class Bench {
  readonly short: boolean;
  readonly alone: boolean;
  readonly say: (line: string) => void;
  /** Seconds of load before anything counts, and while it does. */
  readonly warmS: number;
  readonly measureS: number;

  readonly #options: BenchOptions;
  readonly #held: DataFolder;
  readonly #postgres: BenchPostgres;
  #made = 0;

  private constructor(options: BenchOptions, held: DataFolder, postgres: BenchPostgres) {
    this.#options = options;
    this.#held = held;
    this.#postgres = postgres;
    this.short = options.short;
    this.alone = options.alone ?? false;
    this.say = options.say;
    this.warmS = options.short ? 1.5 : 4;
    this.measureS = options.short ? 3 : 8;
  }

  /** Error where another bench works in the folder. */
  static async start(options: BenchOptions): Promise<Bench> {
    const held = await openDataFolder(options.folder);
    try {
      for (const kept of ['runs', 'postgres'])
        await rm(join(options.folder, kept), { recursive: true, force: true });
      return new Bench(options, held, await BenchPostgres.start(options.folder));
    } catch (error) {
      held.release();
      throw error;
    }
  }

  /** Those of these subjects that this run is about. */
  subjects<T extends string>(all: readonly T[]): readonly T[] {
    return this.alone ? all.filter((name) => name === 'suhbat') : all;
  }

  /** Suhbat on a new database and an empty folder, or on these. */
  async suhbat<T>(
    work: (suhbat: Suhbat) => Promise<T>,
    { env = {}, kept }: { env?: Record<string, string>; kept?: Kept } = {},
  ): Promise<T> {
    const on = (where: Kept) => whileUp(startSuhbat({ ...this.#started(where), env }), work);
    return kept === undefined ? this.kept(on) : on(kept);
  }

  /** Suhbat as a cluster with so many processes of actors, on a new database and with a journal of its own. */
  async cluster<T>(actors: number, work: (cluster: SuhbatCluster) => Promise<T>): Promise<T> {
    return this.kept((kept) => whileUp(startSuhbatCluster({ ...this.#started(kept), actors }), work));
  }

  /** What outlives the servers on it, as long as `work` runs. */
  async kept<T>(work: (kept: Kept) => Promise<T>): Promise<T> {
    const kept = await this.#newKept();
    try {
      return await work(kept);
    } finally {
      await this.#postgres.drop(kept.url);
    }
  }

  async peer<T>(name: PeerName, work: (peer: Subject) => Promise<T>): Promise<T> {
    const folder = await this.#newFolder();
    if (name !== 'socket.io: durable') return whileUp(startPeer(name, { folder }), work);
    return this.kept(({ url }) =>
      whileUp(startPeer(name, { folder, database: { url, pid: this.#postgres.pid() } }), work),
    );
  }

  /** Suhbat or a peer. */
  subject<T>(name: 'suhbat' | PeerName, work: (subject: Subject) => Promise<T>): Promise<T> {
    return name === 'suhbat' ? this.suhbat(work) : this.peer(name, work);
  }

  /** The load driver, in two processes unless said otherwise. */
  async driver<T>(work: (driver: Driver) => Promise<T>, workers = 2): Promise<T> {
    const driver = new Driver(workers);
    try {
      return await work(driver);
    } finally {
      driver.end();
    }
  }

  async stop(): Promise<void> {
    await this.#postgres.stop();
    await rm(join(this.#options.folder, 'runs'), { recursive: true, force: true });
    await rm(join(this.#options.folder, 'postgres'), { recursive: true, force: true });
    this.#held.release();
  }

  /** With what every Suhbat of this run is started. */
  #started({ url, folder }: Kept) {
    const { root, profiles } = this.#options;
    const database = { url, pid: this.#postgres.pid() };
    return { root, folder, database, ...(profiles === undefined ? {} : { profiles }) };
  }

  async #newKept(): Promise<Kept> {
    return { url: await this.#postgres.create(), folder: await this.#newFolder() };
  }

  async #newFolder(): Promise<string> {
    const folder = join(this.#options.folder, 'runs', String(++this.#made));
    await mkdir(folder, { recursive: true });
    return folder;
  }
}

/** A subject as long as `work` runs. */
async function whileUp<S extends Subject, T>(
  starting: Promise<S>,
  work: (subject: S) => Promise<T>,
): Promise<T> {
  const subject = await starting;
  try {
    return await work(subject);
  } finally {
    await subject.stop();
  }
}
