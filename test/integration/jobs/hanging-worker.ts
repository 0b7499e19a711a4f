import { openQueue } from './support.ts';

/** A worker that takes a job, says so, and never ends it: to be killed. */
const queue = await openQueue(process.argv[2] ?? '');
const deadMs = process.argv[3];
queue.start(
  [
    queue.noting([], async ({ n }) => {
      process.stdout.write(`took ${n}\n`);
      await new Promise(() => setInterval(() => {}, 1000));
    }),
  ],
  deadMs === undefined ? {} : { deadMs: Number(deadMs) },
);
