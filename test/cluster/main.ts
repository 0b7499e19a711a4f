import { createWriteStream } from 'node:fs';
import { parseArgs } from 'node:util';
import { faults } from './faults.ts';
import { generatorsOf } from './generators.ts';
import { longPlan, shortPlan, shortSettings } from './plan.ts';
import { runFaults } from './run.ts';

/** `npm run chaos`: a local cluster under load and faults, for as long as is wanted. */

const help = `npm run chaos -- [--minutes 30] [--seed N] [--only NAME,NAME] [--short] [--logs FILE]

Starts a cluster on this machine, lets 200 people write 300 messages a second in 40 chats, hurts it in ways drawn from
the seed, and checks the nine promises. Exits with 1 where one was broken. FILE gets whatever the processes log. Faults: ${Object.keys(faults).join(', ')}.
`;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    only: { type: 'string' },
    short: { type: 'boolean', default: false },
    logs: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(help);
  process.exit(0);
}
const minutes = Number(values.minutes);
const seed = Number(values.seed);
const named = values.only?.split(',').map((name) => faults[name as keyof typeof faults]);
if (!(minutes > 0) || !Number.isSafeInteger(seed) || named?.includes(undefined as never)) {
  process.stderr.write(help);
  process.exit(2);
}
const generators = generatorsOf(seed);
const logs = values.logs === undefined ? undefined : createWriteStream(values.logs);
const say = (line: string) => process.stdout.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);
say(`seed ${seed}`);
const report = await runFaults({
  generators,
  ...(values.short && { env: shortSettings }),
  onLine: (name, line) => void logs?.write(`${name} ${line}\n`),
  plan: named?.map((fault) => [fault]) ?? (values.short ? shortPlan : longPlan(minutes, generators('plan'))),
  say,
});
const { total, ack, changes, breaches, complaints } = report;
say(
  `${total.sends} sends, ${total.acks} acks, ${total.unknown} unknown, ${total.deliveries} deliveries, ${total.heldBack} held back`,
);
if (total.signOuts > 0)
  say(
    `${total.signOuts} logins ended where the database was put back, and ${total.unsent} unsent messages with them`,
  );
say(`${changes.begun} changes of messages, ${changes.acked} acked`);
say(`ack p50 ${ack.p50.toFixed(0)} ms, p99 ${ack.p99.toFixed(0)} ms, max ${(ack.max / 1000).toFixed(1)} s`);
for (const complaint of complaints.slice(0, 20)) say(`log: ${complaint.slice(0, 500)}`);
for (const breach of breaches.slice(0, 50)) say(`BROKEN ${breach}`);
say(breaches.length === 0 ? 'every promise was kept' : `${breaches.length} breaches`);
process.exit(breaches.length === 0 ? 0 : 1);
