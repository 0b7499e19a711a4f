import type { PubAck } from 'nats';
import type { NatsLink } from '../../ops/connections/nats.ts';
import { type Clock, sleep } from '../../ops/process/clock.ts';
import { createJetstreamApi, errCodes, expecting, type ServerError } from './jetstream-api.ts';
import { appendFault, journalError } from './jetstream-faults.ts';
import { createSentIds } from './jetstream-ids.ts';
import { readPage } from './jetstream-pages.ts';
import { createRequests, Unanswered } from './jetstream-requests.ts';
import { checkServer, openStream } from './jetstream-stream.ts';
import { createStreamWatch } from './jetstream-watch.ts';
import { type Append, type Journal, JournalError } from './journal.ts';

export interface JetstreamJournalOptions {
  /** Stays the caller's: the journal does not close it. */
  link: NatsLink;
  clock: Clock;
  /** The stream's name: letters, digits, - and _; one a deployment. Made if missing. Default `suhbat-journal`. */
  stream?: string;
  /** Make the stream if it is missing. Default true. */
  make?: boolean;
  /** Bring the bound of a stream that is there to `maxBytes`. Default: as `make`. */
  fit?: boolean;
  /** Default 1. More need NATS 2.11. */
  replicas?: number;
  /**
   * Bound of all records; the last tenth is for reserved appends. The server sets so much aside, and does not
   * make the stream where it has less. Default 8 GiB.
   */
  maxBytes?: number;
  /**
   * A repeated append is recognised for so long after the first one was kept. Well above the time for which
   * the runtime repeats (`inDoubtMs`, 30 s); the server keeps every message id that long in memory. Default
   * 60 s.
   */
  duplicateWindowMs?: number;
  /** An append or a read that has no answer by then is in doubt. Default 2 s. */
  timeoutMs?: number;
  /** Opening waits so long for JetStream. Default 10 s. */
  openMs?: number;
  /** After each append that was kept. */
  onAppend?: (seconds: number, bytes: number) => void;
  /** The stream was deleted, or made anew. Called once. */
  onFailure?: (failure: JournalError) => void;
}

export interface JetstreamJournal extends Journal {
  /** Why this journal takes no more writes: its stream is gone. Undefined while it is there. */
  failure(): JournalError | undefined;
  /** Of the stream, all nodes together, as of a second ago or less. `waiting`: appends without an answer. */
  usage(): { bytes: number; maxBytes: number; waiting: number };
}

/**
 * The journal as one JetStream stream with a subject for each shard; `exclusive` is false. A position is a
 * record's sequence in the stream, and the expectation is the server's own check.
 *
 * What an answer means depends on the server: a record survives `kill -9` of it, but up to and including
 * 2.10 JetStream answers before fsync (its `sync_interval`, two minutes by default), so that power loss may
 * take what was answered; from 2.11 on set `sync_interval: always`, or three replicas on machines that do
 * not fail together.
 *
 * `newest` asks the stream's leader. With several replicas a leader that is cut off from the others takes no
 * appends, but may answer reads until it notices.
 *
 * Throws a StartError when the server or the stream is not what the journal needs.
 */
export async function openJetstreamJournal(options: JetstreamJournalOptions): Promise<JetstreamJournal> {
  const {
    link,
    clock,
    stream = 'suhbat-journal',
    replicas = 1,
    maxBytes = 8 * 1024 ** 3,
    make = true,
    fit = make,
  } = options;
  const { duplicateWindowMs = 60_000, timeoutMs = 2000, openMs = 10_000 } = options;
  const { onAppend = ignore, onFailure = ignore } = options;
  const { connection } = link;

  if (!/^[\w-]{1,64}$/.test(stream)) throw new RangeError(`A stream cannot be named ${stream}.`);
  const shape = { stream, replicas, maxBytes, duplicateWindowMs, make, fit };
  checkServer(connection.info, shape);
  const requests = createRequests({ link, clock, timeoutMs });
  const api = createJetstreamApi(requests, stream);
  const { life, info } = await openStream(api, shape, clock, openMs).catch((error: unknown) => {
    requests.close();
    throw error;
  });
  const watch = createStreamWatch({
    api,
    clock,
    life,
    bytes: info.state.bytes,
    maxBytes: info.config.max_bytes,
    onGone: onFailure,
  });
  // Where it is replaced while the connection holds, the next look says so: within a second.
  const forget = link.onChange((change) => {
    if (change !== 'refused') watch.doubt();
    if (change === 'back') watch.look().catch(ignore);
  });

  /** The newest position of each shard that was answered here. */
  const known = new Map<number, number>();
  const ids = createSentIds();
  let waiting = 0;
  let closing: Promise<void> | undefined;
  let drained = () => {};

  const subjectOf = (shard: number) => `${life.prefix}${shard}`;

  function learn(shard: number, position: number): void {
    if (position > (known.get(shard) ?? 0)) known.set(shard, position);
  }

  /** Runs what asks the server; a close waits for it. */
  async function guarded<T>(doing: string, work: () => Promise<T>): Promise<T> {
    if (closing) throw new JournalError('failed', 'The journal is closed.');
    if (watch.gone) throw watch.gone;
    waiting++;
    try {
      if (!watch.sure) await watch.look();
      return await work();
    } catch (error) {
      throw journalError(error, doing);
    } finally {
      if (--waiting === 0) drained();
    }
  }

  async function publish({ shard, messageId, expected, payload, reserved }: Append): Promise<number> {
    const subject = subjectOf(shard);
    const headers = headersOf(ids.sent(shard, messageId), expected);
    const bytes = storedBytes(subject, headers, payload);
    const most = connection.info?.max_payload ?? Number.POSITIVE_INFINITY;
    if (headers.length + payload.length > most)
      throw new JournalError('refused', `NATS takes records of up to ${most} bytes, not ${payload.length}.`);
    if (!reserved && !watch.fits(bytes) && !(await watch.fitsNow(bytes)))
      throw new JournalError('full', `The journal holds ${watch.bytes} of ${watch.maxBytes} bytes.`);
    watch.sent(bytes);
    const startedAt = clock.monotonic();
    const ack = await ask(subject, payload, headers).catch((error: unknown) => {
      ids.ended(shard, messageId, 'in_doubt');
      throw error;
    });
    if (ack.error !== undefined) {
      const fault = appendFault(ack.error);
      ids.ended(shard, messageId, fault);
      if (fault === 'refused') await watch.explain();
      throw new JournalError(fault, `Shard ${shard}: ${ack.error.description}.`);
    }
    if (ack.stream !== stream || ack.seq === undefined || ack.seq < 1)
      throw new JournalError('in_doubt', `Shard ${shard}: JetStream did not say where the record is.`);
    ids.kept(shard);
    learn(shard, ack.seq);
    onAppend((clock.monotonic() - startedAt) / 1000, payload.length);
    return ack.seq;
  }

  /** Asks again while the server says that the same record is under way: soon it knows where that stands. */
  async function ask(subject: string, payload: Buffer, headers: string): Promise<Ack> {
    for (const until = clock.monotonic() + timeoutMs; ; ) {
      const answer = await requests.ask(subject, payload, headers).catch(async (error: unknown) => {
        if (error instanceof Unanswered && error.unheard) await watch.explain();
        throw error;
      });
      const ack = answer.json<Ack>();
      if (ack.error?.err_code !== errCodes.sameIdUnderWay || clock.monotonic() >= until) return ack;
      await sleep(clock, underWayMs);
    }
  }

  async function newest(shard: number) {
    const record = await api.newest(subjectOf(shard));
    // It had a newer one before.
    if ((record?.position ?? 0) < (known.get(shard) ?? 0)) await watch.explain();
    if (record !== undefined) learn(shard, record.position);
    return record;
  }

  return {
    id: life.id,
    exclusive: false,
    append: (append) => guarded('The append was not answered', () => publish(append)),
    newest: (shard) => guarded(`Shard ${shard} cannot be read`, () => newest(shard)),
    read: (shard, after, limit) =>
      guarded(`Shard ${shard} cannot be read`, async () => {
        const end = (await newest(shard))?.position ?? 0;
        if (end <= after || limit < 1) return [];
        return await readPage({ connection, api, clock, timeoutMs }, subjectOf(shard), after, limit, end);
      }),
    trim: (shard, position) =>
      guarded(`Shard ${shard} cannot be trimmed`, async () => {
        // Never to empty: the expectation 0 would fit again.
        const last = known.get(shard) ?? 0;
        const end = position < last ? last : ((await newest(shard))?.position ?? 0);
        if (end > 0) await api.purge(subjectOf(shard), Math.min(position + 1, end));
        watch.trimmed();
      }),
    close() {
      closing ??= (async () => {
        if (waiting > 0)
          await new Promise<void>((resolve) => {
            drained = resolve;
          });
        forget();
        watch.close();
        requests.close();
      })();
      return closing;
    },
    failure: () => watch.gone,
    usage: () => ({ bytes: watch.bytes, maxBytes: watch.maxBytes, waiting }),
  };
}

type Ack = Partial<PubAck> & { error?: ServerError };

const underWayMs = 20;

function headersOf(messageId: string, expected: number): string {
  if (/[\r\n]/.test(messageId)) throw new RangeError('A message id has one line.');
  return expecting(expected, `Nats-Msg-Id: ${messageId}\r\n`);
}

/** What a record takes in the stream's file: as the server counts it. */
function storedBytes(subject: string, headers: string, payload: Buffer): number {
  return 34 + subject.length + headers.length + payload.length;
}

function ignore(): void {}
