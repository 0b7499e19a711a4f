import {
  type JetstreamJournal,
  type JetstreamJournalOptions,
  openJetstreamJournal,
} from '../../../actors/journal/jetstream-journal.ts';
import { type Append, JournalError, type JournalFault } from '../../../actors/journal/journal.ts';
import { connectNats, type NatsLink } from '../../../ops/connections/nats.ts';
import { systemClock } from '../../../ops/process/clock.ts';
import type { TestServer } from '../../support/servers.ts';

/** What one process has: a connection of its own, and the journal over it. */
export interface JournalNode {
  link: NatsLink;
  journal: JetstreamJournal;
  /** What `onFailure` was told. */
  failures: JournalError[];
  close(): Promise<void>;
}

const maxBytes = 16 * 1024 * 1024;

export async function openNode(
  server: TestServer,
  stream: string,
  more: Partial<JetstreamJournalOptions> = {},
): Promise<JournalNode> {
  const link = await connectNats({ url: server.url, name: 'test' });
  const failures: JournalError[] = [];
  const onFailure = (failure: JournalError) => void failures.push(failure);
  try {
    const options = { link, stream, clock: systemClock, maxBytes, timeoutMs: 5000, onFailure, ...more };
    const journal = await openJetstreamJournal(options);
    const close = async () => {
      await journal.close();
      await link.close();
    };
    return { link, journal, failures, close };
  } catch (error) {
    await link.close();
    throw error;
  }
}

let attempts = 0;

export function appendOf(shard: number, expected: number, text: string, more: Partial<Append> = {}): Append {
  return { shard, expected, messageId: `1/n/${++attempts}`, payload: Buffer.from(text), ...more };
}

export async function faultOf(attempt: Promise<unknown>): Promise<JournalFault | undefined> {
  try {
    await attempt;
    return undefined;
  } catch (error) {
    if (error instanceof JournalError) return error.fault;
    throw error;
  }
}

export async function textsOf({ journal }: JournalNode, shard: number): Promise<string[]> {
  return (await journal.read(shard, 0, 1000)).map(({ payload }) => payload.toString());
}

/** One request to JetStream's own door, as an operator's tool sends it. */
export async function operate({ link }: JournalNode, verb: string, body: object = {}) {
  const answer = await link.connection.request(`$JS.API.${verb}`, JSON.stringify(body), { timeout: 2000 });
  return answer.json<{
    config: { subjects: string[] };
    state: { consumer_count: number; bytes: number };
    error?: { description: string };
  }>();
}
