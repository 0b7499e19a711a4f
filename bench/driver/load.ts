import { randomBytes } from 'node:crypto';
import { nowUs } from './clock.ts';
import type { Dialect } from './dialect.ts';
import { clientFrame } from './frames.ts';
import { type Histogram, newHistogram, record } from './histogram.ts';
import type { Answered, Pattern, Sender } from './jobs.ts';
import type { LoadSocket } from './socket.ts';

const timeDigits = 16;
/** When a message was due stands in its text, so that whoever gets it knows how old it is. */
const mark = Buffer.from('"t=');
/** Messages without an ack whose times are kept. */
const window = 1 << 20;
/** How often an open load looks what is due, in milliseconds. */
const tickMs = 1;

export interface LoadOptions {
  dialect: Dialect;
  sockets: readonly LoadSocket[];
  senders: readonly Sender[];
  pattern: Pattern;
  textBytes: number;
  /** Does the server ack? Without acks nothing is waited for. */
  acks: boolean;
  /** Keeps every answer by itself, for loads that are small and short. */
  trace?: boolean;
}

/** Messages of one worker: sends them as the pattern says, and times them from when they were due. */
export class Load {
  sent = 0;
  acked = 0;
  refused = 0;
  delivered = 0;
  ack: Histogram = newHistogram();
  deliver: Histogram = newHistogram();
  answers: Answered[] = [];

  readonly #options: LoadOptions;
  readonly #dueAt = new Float64Array(window);
  readonly #senderOf = new Int32Array(window);
  readonly #padding: string;
  /** In client ids, before the counter: no other load has it. */
  readonly #run = randomBytes(6).toString('hex');
  #id = 0;
  #waiting = 0;
  #turn = 0;
  #halted = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#padding = 'x'.repeat(Math.max(0, options.textBytes - timeDigits - 2));
  }

  start(): void {
    const { pattern, senders } = this.#options;
    if (senders.length === 0) return;
    if ('inFlight' in pattern) {
      for (let n = 0; n < pattern.inFlight; n++) for (const at of senders.keys()) this.#send(at, nowUs());
    } else this.#keepTo(pattern.rate, pattern.burst);
  }

  reset(): void {
    this.sent = this.acked = this.refused = this.delivered = 0;
    this.ack = newHistogram();
    this.deliver = newHistogram();
    this.answers = [];
  }

  /** Resolves when every ack has come that was waited for, or after 5 s. */
  async halt(): Promise<void> {
    this.#halted = true;
    clearInterval(this.#timer);
    const until = nowUs() + 5_000_000;
    while (this.#options.acks && this.#waiting > 0 && nowUs() < until)
      await new Promise((resolve) => setTimeout(resolve, 5));
  }

  onAck(id: number): void {
    this.acked++;
    this.#answered(id, true);
    record(this.ack, nowUs() - (this.#dueAt[id % window] ?? 0));
  }

  onRefusal(id: number): void {
    this.refused++;
    this.#answered(id, false);
  }

  onDelivery(bytes: Buffer, from: number, to: number): void {
    const at = bytes.indexOf(mark, from) + mark.length;
    if (at < mark.length || at >= to) return;
    this.delivered++;
    let due = 0;
    for (let digit = 0; digit < timeDigits; digit++) due = due * 10 + (bytes[at + digit] ?? 48) - 48;
    record(this.deliver, nowUs() - due);
  }

  #answered(id: number, acked: boolean): void {
    this.#waiting--;
    if (this.#options.trace === true) this.#note(id, acked);
    if ('inFlight' in this.#options.pattern && !this.#halted)
      this.#send(this.#senderOf[id % window] ?? 0, nowUs());
  }

  /** Before the sender of that id has its next message. */
  #note(id: number, acked: boolean): void {
    if (this.answers.length === window) throw new RangeError(`A trace holds ${window} answers at most`);
    const { room = '' } = this.#options.senders[this.#senderOf[id % window] ?? 0] ?? {};
    this.answers.push({ room, dueUs: this.#dueAt[id % window] ?? 0, atUs: nowUs(), acked });
  }

  /** An open load: what is due is sent, however late the answers are; what we are late with counts as waiting. */
  #keepTo(rate: number, burst: number): void {
    const begin = nowUs();
    let bursts = 0;
    this.#timer = setInterval(() => {
      const due = 1 + Math.floor(((nowUs() - begin) / 1e6) * (rate / burst));
      for (; bursts < due; bursts++) {
        const at = this.#turn++ % this.#options.senders.length;
        this.#send(at, begin + (bursts * burst * 1e6) / rate, burst);
      }
    }, tickMs);
  }

  /** A UUID of version 7, as clients should send: by its time the server knows that it is no old one. */
  #clientId(id: number): string {
    const time = Date.now().toString(16).padStart(12, '0');
    const count = (id % 2 ** 32).toString(16).padStart(8, '0');
    return `${time.slice(0, 8)}-${time.slice(8)}-7${count.slice(0, 3)}-8${count.slice(3, 6)}-${count.slice(6)}${this.#run.slice(2)}`;
  }

  #send(at: number, dueUs: number, count = 1): void {
    const { senders, sockets, dialect, acks } = this.#options;
    const sender = senders[at] as Sender;
    const text = `t=${String(Math.round(dueUs)).padStart(timeDigits, '0')}${this.#padding}`;
    const frames: Buffer[] = [];
    for (let n = 0; n < count; n++) {
      const id = this.#id++;
      this.#dueAt[id % window] = dueUs;
      this.#senderOf[id % window] = at;
      frames.push(clientFrame(dialect.send(id, sender.room, this.#clientId(id), text)));
    }
    this.sent += count;
    if (acks) this.#waiting += count;
    sockets[sender.client]?.write(frames.length === 1 ? (frames[0] as Buffer) : Buffer.concat(frames));
  }
}
