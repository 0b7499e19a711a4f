import { stopTestServers } from './database.ts';

/** So long after the last test nothing may run any more. */
const lateMs = 30_000;

/** Root hooks, loaded by `require` in `.mocharc.json`: what all tests of one run share ends with it. */
export const mochaHooks = {
  async afterAll() {
    await stopTestServers();
    // It does not keep the process alive: it only fires where something else does.
    setTimeout(() => {
      const left = process.getActiveResourcesInfo().join(', ');
      process.stderr.write(`The tests have ended, and this is left: ${left}\n`);
      // Behind mocha's own listener, which would say what its tests said.
      process.once('exit', () => {
        process.exitCode = 1;
      });
      process.exit();
    }, lateMs).unref();
  },
};
