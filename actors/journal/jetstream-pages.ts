import { randomBytes } from 'node:crypto';
import { createInbox, type Msg, type NatsConnection } from 'nats';
import { type Clock, sleep } from '../../ops/process/clock.ts';
import type { JetstreamApi } from './jetstream-api.ts';
import { JournalError, type JournalRecord } from './journal.ts';

export interface PageParts {
  connection: NatsConnection;
  api: JetstreamApi;
  clock: Clock;
  timeoutMs: number;
}

/** Bytes that the server sends ahead of us: far below what makes it cut a slow connection. */
const pullBytes = 2 * 1024 * 1024;
const lagMs = 20;

/**
 * Up to `limit` records of a subject after a position, by a consumer that lives for this page. It goes on
 * until the page is full or holds `end`, the newest record as the leader has it: a consumer may sit on a
 * replica that is behind, and fewer records than asked for must mean that there are no more.
 */
export async function readPage(
  parts: PageParts,
  subject: string,
  after: number,
  limit: number,
  end: number,
): Promise<JournalRecord[]> {
  const { connection, api, clock, timeoutMs } = parts;
  const name = `page-${randomBytes(8).toString('hex')}`;
  const records: JournalRecord[] = [];
  const full = () => records.length >= limit || (records.at(-1)?.position ?? 0) >= end;
  const inbox = createInbox();
  let arrived: (sign: 'record' | 'end' | 'late') => void = () => {};
  const subscription = connection.subscribe(inbox, {
    callback(error, message) {
      if (error) return;
      const record = recordOf(message);
      if (record !== undefined && records.length < limit) records.push(record);
      arrived(record === undefined ? 'end' : 'record');
    },
  });

  /** One pull: what there is, up to its bounds. Resolves when it is over. */
  function pull(batch: number): Promise<'end' | 'full' | 'late'> {
    const most = Math.max(pullBytes, 2 * (connection.info?.max_payload ?? 0));
    return new Promise((resolve) => {
      const before = records.length;
      let cancel = () => {};
      arrived = (sign) => {
        cancel();
        if (sign !== 'record') return resolve(sign);
        if (records.length - before >= batch || full()) return resolve('full');
        cancel = clock.after(timeoutMs, () => arrived('late'));
      };
      cancel = clock.after(timeoutMs, () => arrived('late'));
      const body = JSON.stringify({ batch, no_wait: true, max_bytes: most });
      connection.publish(api.pullSubject(name), body, { reply: inbox });
    });
  }

  try {
    await api.createConsumer(name, subject, after);
    const until = clock.monotonic() + timeoutMs;
    for (let before = 0; !full(); before = records.length) {
      const ended = await pull(limit - records.length);
      if (full()) break;
      if (ended === 'late' || (records.length === before && clock.monotonic() >= until))
        throw new JournalError('in_doubt', `The records of ${subject} up to ${end} did not come.`);
      if (records.length === before) await sleep(clock, lagMs);
    }
    return records;
  } finally {
    subscription.unsubscribe();
    // Nobody waits for it: one that stays goes by itself.
    void api.deleteConsumer(name).catch(() => undefined);
  }
}

/** Undefined for the server's word that a pull is over. */
function recordOf({ reply, headers, data }: Msg): JournalRecord | undefined {
  const code = headers?.code ?? 0;
  // $JS.ACK.<stream>.<consumer>.<deliveries>.<position>.…; newer servers may put domain and account first.
  const tokens = (reply ?? '').split('.');
  if (code !== 0 || tokens.length < 9) return undefined;
  const position = Number(tokens[tokens.length === 9 ? 5 : 7]);
  return { position, payload: bufferOf(data) };
}

/** The bytes themselves: the client hands out parts of what the socket read, and uses them no more. */
function bufferOf(data: Uint8Array): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}
