import { chatKind } from '../../actors/chat/kind.ts';
import { createSqlChatStore } from '../../actors/chat/sql-store.ts';
import { fittingEvents, raiseChats } from '../../actors/chat/sql-survivors.ts';
import type { Journal } from '../../actors/journal/journal.ts';
import type { Survivors } from '../../actors/runtime/adopt.ts';
import { adoptShards, quietMs } from '../../actors/runtime/adopt-shards.ts';
import { type Examined, examineShard } from '../../actors/runtime/examine.ts';
import type { FlushStore } from '../../actors/runtime/flush-store.ts';
import { anyKind } from '../../actors/runtime/kind.ts';
import { runtimeDefaults } from '../../actors/runtime/options.ts';
import { createPostgresFlushStore } from '../../actors/runtime/postgres-flush-store.ts';
import type { Transaction } from '../connections/postgres.ts';
import { systemClock as clock } from '../process/clock.ts';
import { commandConfig, runCommand, withProcess } from '../roles/command.ts';
import { openJournal } from '../roles/journal.ts';
import type { Process } from '../roles/process.ts';
import { connect, openFolder, openStorage } from '../roles/storage.ts';
import { readArguments, usage, type Wish } from './arguments.ts';
import { afterPlan, failure, outcome, plan, statusLine, waitingLine } from './words.ts';

/**
 * `npm run journal`: what the journal and PostgreSQL say about each other, and the end of a quarantine. It takes the
 * settings of the Suhbat that it is about; one with a data folder must be stopped, a cluster may run.
 * Exit codes: 0, or 1 where a shard is in quarantine (`status`), stays in it, or nothing could be done.
 */

const say = (line: string) => process.stdout.write(`${line}\n`);

interface Parts {
  node: string;
  shards: number;
  journal: Journal;
  store: FlushStore<Transaction>;
  survivors: Survivors<Transaction>[];
}

await runCommand(main);

async function main(): Promise<number> {
  const config = commandConfig();
  const wish = readArguments(process.argv.slice(2), config.shards);
  if (wish.command === 'help') {
    process.stdout.write(usage);
    return 0;
  }
  return withProcess('journal', config, async (own) => run(wish, await openParts(own, wish)));
}

async function openParts(own: Process, wish: Wish): Promise<Parts> {
  const { nodeId: node, config } = own;
  const folder = await openFolder(own);
  const storage = await openStorage(own, folder);
  const pool = await connect(own, 'adoption', storage.url, { maxConnections: 2, statementTimeoutMs: 60_000 });
  const store: FlushStore<Transaction> = createPostgresFlushStore(pool);
  const adopting = wish.command === 'adopt' && wish.yes;
  const journal = await openJournal(own, { folder: storage.folder, store, adopting, make: adopting });
  const chats: Survivors<Transaction> = {
    kind: anyKind(chatKind(createSqlChatStore(storage.db))),
    fitting: fittingEvents as Survivors<Transaction>['fitting'],
    raise: raiseChats,
  };
  return { node, shards: config.shards, journal, store, survivors: [chats] };
}

async function run(wish: Wish, parts: Parts): Promise<number> {
  if (wish.command === 'adopt' && wish.yes) return (await adopt(wish.shards, parts)) > 0 ? 1 : 0;
  const shards =
    wish.command === 'adopt' ? wish.shards : Array.from({ length: parts.shards }, (_, shard) => shard);
  let bad = 0;
  for (const shard of shards) {
    const found = await look(shard, parts);
    if (found.broken !== undefined) bad++;
    if (wish.command === 'status') say(statusLine(shard, found));
    else if (found.broken !== undefined || shards.length < parts.shards) say(plan(shard, found));
  }
  if (wish.command === 'adopt') say(afterPlan(bad, parts.journal.exclusive));
  return bad > 0 ? 1 : 0;
}

/** An owner may flush and trim between two looks: what seems broken is looked at again. */
async function look(shard: number, { journal, store }: Parts): Promise<Examined> {
  const once = () =>
    examineShard(shard, { journal, store: store as FlushStore, pageSize: runtimeDefaults.replayRecords });
  const found = await once();
  return found.broken === undefined ? found : once();
}

/** How many of them are not whole now. */
async function adopt(shards: readonly number[], parts: Parts): Promise<number> {
  let failed = 0;
  const waiting = (count: number) => say(waitingLine(count, quietMs));
  for await (const one of adoptShards(shards, { ...parts, clock }, waiting)) {
    if ('error' in one) failed++;
    say('error' in one ? failure(one.shard, one.error) : outcome(one.shard, one.adopted));
  }
  return failed;
}
