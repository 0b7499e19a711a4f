import type { NatsConnection } from 'nats';

interface Letter {
  text: string;
  /** It was not sent. */
  lost: (() => void) | undefined;
}

/** UTF-16 units of one message, but for a text that is longer; NATS takes a mebibyte. */
const joinMost = 128 * 1024;

/** Joins what one turn has for a subject: JSON texts, which leave as one array behind the sender's name. */
export class Outbox {
  readonly #connection: NatsConnection;
  readonly #head: string;
  #waiting = new Map<string, Letter[]>();

  constructor(connection: NatsConnection, sender: string) {
    this.#connection = connection;
    this.#head = `[${JSON.stringify(sender)}`;
  }

  /** `lost` is called where it could not be sent: it is too long, or the connection is closed. */
  put(subject: string, text: string, lost?: () => void): void {
    const letters = this.#waiting.get(subject);
    if (letters !== undefined) {
      letters.push({ text, lost });
      return;
    }
    if (this.#waiting.size === 0) queueMicrotask(() => this.#send());
    this.#waiting.set(subject, [{ text, lost }]);
  }

  #send(): void {
    const waiting = this.#waiting;
    this.#waiting = new Map();
    for (const [subject, letters] of waiting) {
      let first = 0;
      let length = 0;
      for (const [at, { text }] of letters.entries()) {
        if (at > first && length + text.length > joinMost) {
          this.#publish(subject, letters.slice(first, at));
          first = at;
          length = 0;
        }
        length += text.length;
      }
      this.#publish(subject, letters.slice(first));
    }
  }

  #publish(subject: string, letters: readonly Letter[]): void {
    const texts = letters.map(({ text }) => text).join(',');
    try {
      this.#connection.publish(subject, Buffer.from(`${this.#head},${texts}]`));
    } catch {
      for (const { lost } of letters) lost?.();
    }
  }
}
