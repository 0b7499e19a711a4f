import { stopTestServers } from './database.ts';

/** Root hooks, loaded by `require` in `.mocharc.json`: what all tests of one run share ends with it. */
export const mochaHooks = {
  async afterAll() {
    await stopTestServers();
  },
};
