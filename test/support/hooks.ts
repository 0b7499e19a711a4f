import { shareTestServer, stopTestServers } from './database.ts';

/** Root hooks, loaded by `require` in `.mocharc.json`: what all tests of one run share ends with it. */
export const mochaHooks = {
  async afterAll() {
    await stopTestServers();
  },
};

/** Once a run. With `--parallel` files run in several processes, which have one PostgreSQL server together. */
export async function mochaGlobalSetup(this: { isParallelMode(): boolean }): Promise<void> {
  if (this.isParallelMode()) await shareTestServer();
}

export async function mochaGlobalTeardown(): Promise<void> {
  await stopTestServers();
}
