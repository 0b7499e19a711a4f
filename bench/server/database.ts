import { join } from 'node:path';
import { withClient } from '../../ops/connections/postgres-client.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../ops/embedded/postgres.ts';

/** What a cluster of Suhbat takes: each process with its pool, lanes and look-ups. */
const settings = { max_connections: '200' };

/** PostgreSQL as Suhbat runs it by itself, its settings too, but in a process family of its own that can be measured. */
export class BenchPostgres {
  readonly #server: EmbeddedPostgres;
  #made = 0;

  private constructor(server: EmbeddedPostgres) {
    this.#server = server;
  }

  /** In this folder, that is held by the caller. */
  static async start(folder: string): Promise<BenchPostgres> {
    const dir = join(folder, 'postgres');
    return new BenchPostgres(await startEmbeddedPostgres({ dir, settings, onLog() {} }));
  }

  pid(): number {
    return this.#server.pid() ?? 0;
  }

  /** The URL of a new and empty database. */
  async create(): Promise<string> {
    const name = `bench_${++this.#made}`;
    await withClient({ url: this.#server.adminUrl, applicationName: 'bench' }, (client) =>
      client.query(`create database ${name} owner suhbat`),
    );
    const url = new URL(this.#server.url);
    url.pathname = `/${name}`;
    return url.href;
  }

  async drop(url: string): Promise<void> {
    await withClient({ url: this.#server.adminUrl, applicationName: 'bench' }, (client) =>
      client.query(`drop database if exists ${new URL(url).pathname.slice(1)} with (force)`),
    );
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }
}
