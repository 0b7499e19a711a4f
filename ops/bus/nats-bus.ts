import type { Subscription } from 'nats';
import { fail } from '../../schemas/errors.ts';
import { checkSubject, isSubject } from '../../schemas/subjects.ts';
import type { NatsLink } from '../connections/nats.ts';
import type { Clock } from '../process/clock.ts';
import type { Bus, BusLoss, Envelope } from './bus.ts';
import { decodeEnvelope, encodeEnvelope } from './envelope-codec.ts';
import { SendWindow } from './send-window.ts';
import { Subscribers } from './subscribers.ts';

export interface NatsBusOptions {
  link: NatsLink;
  clock: Clock;
  /** Stands before every subject, with a dot between. Nothing else may publish or be kept under it. */
  prefix?: string;
  /** Bytes that may wait for the socket; what is published beyond them is dropped. */
  mostWaitingBytes?: number;
  /** How long `settled` waits for the server, in milliseconds. */
  settleMs?: number;
}

/**
 * Why an envelope was not published. `away`: no connection. `slow`: too much waits for the socket. `unsendable`:
 * greater than the server takes, or a subject that is none.
 */
export type BusDrop = 'away' | 'slow' | 'unsendable';

export interface NatsBus extends Bus {
  /** Counted since the beginning; `subjects` and `waitingBytes` are of now. */
  stats(): { subjects: number; waitingBytes: number; malformed: number; dropped: Record<BusDrop, number> };
}

/** Of the clock. */
const lossPauseMs = 250;

/**
 * The bus over NATS core subjects, on a link that its maker closes. Local subscribers are served over NATS like
 * all others, and not at once: so there is one way for a frame, on which nothing overtakes, a process hears
 * neither more nor less than its peers, and one rule repairs what was lost. It costs a process that holds both
 * the actor and the socket the receiving of its own frames.
 *
 * A subscription is on one subject, never on a wildcard. So no journal subject can be heard, whatever stands in
 * an id, as long as the journal's are not under `prefix`.
 */
export function createNatsBus(options: NatsBusOptions): NatsBus {
  const { link, clock, prefix = 'suhbat.bus' } = options;
  const { mostWaitingBytes = 16 * 1024 * 1024, settleMs = 2000 } = options;
  const { connection } = link;
  const before = `${checkSubject(prefix)}.`;
  const subscriptions = new Map<string, Subscription | undefined>();
  const listeners = new Set<(loss: BusLoss) => void>();
  const dropped: Record<BusDrop, number> = { away: 0, slow: 0, unsendable: 0 };
  let malformed = 0;
  let refused = 0;
  let closed = false;

  const subscribers = new Subscribers(
    (subject) => subscriptions.set(subject, listen(subject)),
    (subject) => {
      const subscription = subscriptions.get(subject);
      subscriptions.delete(subject);
      if (!connection.isClosed()) subscription?.unsubscribe();
    },
  );

  /** Undefined where the link was closed for good: `settled` says so. */
  function listen(subject: string): Subscription | undefined {
    if (connection.isClosed() || connection.isDraining()) return undefined;
    return connection.subscribe(before + subject, {
      callback(error, { data }) {
        // The server refused the subscription: `settled` says that, too.
        if (error !== null) return;
        const envelope = decodeEnvelope(asBuffer(data));
        if (envelope === undefined) malformed++;
        else subscribers.tell(subject, envelope);
      },
    });
  }

  // Publishing

  const window = new SendWindow({
    mostBytes: mostWaitingBytes,
    roundTrip: () => connection.flush(),
    onRoom: () => tellLoss('sent'),
  });
  // A private chat's frame goes to two subjects.
  let newest: Envelope | undefined;
  let newestBytes: Buffer | undefined;

  function publish(subject: string, envelope: Envelope): void {
    const fault = send(subject, envelope);
    if (fault !== undefined) dropped[fault]++;
  }

  function send(subject: string, envelope: Envelope): BusDrop | undefined {
    if (closed || !link.up()) return 'away';
    if (!isSubject(subject)) return 'unsendable';
    if (newest !== envelope || newestBytes === undefined) {
      newestBytes = encodeEnvelope(envelope);
      newest = envelope;
    }
    if (!window.take(newestBytes.length)) return 'slow';
    try {
      connection.publish(before + subject, newestBytes);
    } catch {
      return 'unsendable';
    }
    return undefined;
  }

  // Holding

  let inFlight: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;

  /** Those who ask while one is under way share the one after it. */
  function settled(): Promise<void> {
    next ??= inFlight.then(begin, begin);
    return next;
  }

  function begin(): Promise<void> {
    next = undefined;
    inFlight = roundTrip();
    return inFlight;
  }

  async function roundTrip(): Promise<void> {
    const refusedBefore = refused;
    if (!link.up()) throw away();
    let cancel = () => {};
    const late = new Promise<never>((_, reject) => {
      cancel = clock.after(settleMs, () => reject(away()));
    });
    try {
      await Promise.race([connection.flush(), late]);
    } catch {
      throw away();
    } finally {
      cancel();
    }
    // A refusal comes before the answer, but is told a moment later.
    await new Promise((resolve) => setImmediate(resolve));
    if (refused > refusedBefore) throw away();
  }

  // Losing

  function tellLoss(loss: BusLoss): void {
    for (const listener of [...listeners]) listener(loss);
  }

  /** Not before the subscriptions hold again: until then more is lost. */
  async function tellWhenBack(): Promise<void> {
    while (!closed && link.up()) {
      try {
        await settled();
        return tellLoss('all');
      } catch {
        await new Promise<void>((resolve) => void clock.after(lossPauseMs, resolve));
      }
    }
  }

  let telling = false;
  const endChanges = link.onChange((change) => {
    if (change === 'refused') refused++;
    if (change !== 'back' || telling) return;
    telling = true;
    void tellWhenBack().finally(() => {
      telling = false;
    });
  });

  return {
    lossy: true,
    publish,
    subscribe(subject, handler) {
      checkSubject(subject);
      return closed ? () => {} : subscribers.add(subject, handler);
    },
    settled,
    onLoss(listener) {
      const own = (loss: BusLoss) => listener(loss);
      listeners.add(own);
      return () => void listeners.delete(own);
    },
    async close() {
      closed = true;
      endChanges();
      listeners.clear();
      subscribers.clear();
    },
    stats: () => ({
      subjects: subscribers.size,
      waitingBytes: window.waiting,
      malformed,
      dropped: { ...dropped },
    }),
  };
}

function away() {
  return fail('unavailable', { reason: 'bus_away', retry_after_ms: 1000 });
}

/** The same memory: what the client gives is a part of what the socket brought. */
function asBuffer(data: Uint8Array): Buffer {
  return Buffer.isBuffer(data) ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}
