import { join } from 'node:path';
import { openFileJournal } from '../../actors/journal/file-journal.ts';
import { openJetstreamJournal } from '../../actors/journal/jetstream-journal.ts';
import { type Journal, JournalError } from '../../actors/journal/journal.ts';
import type { FlushStore } from '../../actors/runtime/flush-store.ts';
import type { Transaction } from '../connections/postgres.ts';
import type { DataFolder } from '../embedded/data-folder.ts';
import { StartError } from '../process/start-error.ts';
import { namespaced } from '../telemetry/logger.ts';
import { openNats } from './links.ts';
import type { Process } from './process.ts';

/** A journal that tells how full it is, and why it takes no more writes where it does not. */
export interface UsedJournal extends Journal {
  /** Calls this whenever its server is there again; where it has none there is no such time. */
  onBack?(listener: () => void): void;
  /** Opens what stands in its place when it is gone; where it never is there is none. */
  reopen?(): Promise<UsedJournal>;
  usage(): { bytes: number; maxBytes: number };
  failure(): unknown;
}

export interface JournalPlace {
  folder: DataFolder | undefined;
  store: FlushStore<Transaction>;
  /**
   * An operator's command: a torn end is cut even where PostgreSQL has more than what stays, and the bound of a stream
   * stays as the deployment has it.
   */
  adopting?: boolean;
  /** Make the stream of a cluster where there is none. Default true. */
  make?: boolean;
}

/** In JetStream where this process has a cluster, else in the data folder. */
export async function openJournal(
  process: Process,
  { folder, store, adopting = false, make = true }: JournalPlace,
): Promise<UsedJournal> {
  const { natsUrl } = process.config;
  if (natsUrl !== undefined) return openClusterJournal(process, natsUrl, make, make && !adopting);
  if (folder === undefined) throw new Error('a journal in files needs the data folder');
  return openOwnJournal(process, folder, adopting ? undefined : store);
}

async function openClusterJournal(
  process: Process,
  natsUrl: string,
  make: boolean,
  fit: boolean,
): Promise<UsedJournal> {
  const { life, config, clock, metrics, logger } = process;
  const log = namespaced(logger, 'journal');
  const link = await openNats(process, natsUrl, 'journal');
  const open = async (make: boolean): Promise<UsedJournal> => {
    const journal = await openJetstreamJournal({
      link,
      clock,
      stream: `${config.namespace}-journal`,
      make,
      fit: make && fit,
      replicas: config.journalReplicas,
      maxBytes: config.journalMax,
      onAppend: (seconds) => metrics.journalAppendSeconds.observe(seconds),
      onFailure: (failure) => log.fatal({ err: failure }, 'the journal takes no more writes'),
    });
    opened.push(journal);
    return {
      ...journal,
      onBack: (listener) => void link.onChange((change) => change === 'back' && listener()),
      reopen: () => open(false),
    };
  };
  // One that is gone still refuses whoever was left with it.
  const opened: Journal[] = [];
  return life.waitingPart(
    'journal',
    () => open(make),
    () => Promise.all(opened.map((journal) => journal.close())),
  );
}

function openOwnJournal(
  process: Process,
  folder: DataFolder,
  store: FlushStore<Transaction> | undefined,
): Promise<UsedJournal> {
  const { life, config, clock, metrics, logger } = process;
  const log = namespaced(logger, 'journal');
  return life.part(
    'journal',
    () =>
      openFileJournal({
        dir: join(folder.path, 'journal'),
        clock,
        ...(store && { checkpoints: (journalId) => checkpointsOf(store, journalId, config.shards) }),
        segmentBytes: config.journalSegment,
        maxBytes: config.journalMax,
        onRound({ appendSeconds, syncSeconds }) {
          metrics.journalAppendSeconds.observe(appendSeconds);
          metrics.journalFsyncSeconds.observe(syncSeconds);
        },
        onCut: (cut) => log.warn({ cut }, 'the torn end of the journal was cut off'),
        onFailure: (failure) => log.fatal({ err: failure }, 'the journal takes no more writes'),
      }).catch((error: unknown) => {
        throw error instanceof JournalError
          ? new StartError(`Suhbat cannot start: ${error.message}`, error)
          : error;
      }),
    (journal) => journal.close(),
  );
}

async function checkpointsOf(
  store: FlushStore<Transaction>,
  journalId: string,
  shards: number,
): Promise<Map<number, number>> {
  const rows = await store.checkpoints(Array.from({ length: shards }, (_, shard) => shard));
  const own = [...rows].filter(([, row]) => row.journal_id === journalId);
  return new Map(own.map(([shard, row]) => [shard, row.position]));
}
