export interface SendWindowParts {
  /** Bytes that may be on their way unconfirmed. */
  mostBytes: number;
  /** One round trip: what was sent before has arrived at the server. Rejects where the connection broke. */
  roundTrip(): Promise<void>;
  /** It had been full, and has room again. */
  onRoom(): void;
}

/**
 * Bounds what waits for a socket that takes nothing: the client library would buffer without end. It asks for a
 * round trip once per slice of what is sent, so that a quick socket costs next to nothing.
 */
export class SendWindow {
  readonly #parts: SendWindowParts;
  readonly #slice: number;
  /** Bytes since the beginning. */
  #sent = 0;
  #confirmed = 0;
  #asking = false;
  #full = false;

  constructor(parts: SendWindowParts) {
    this.#parts = parts;
    this.#slice = Math.ceil(parts.mostBytes / 32);
  }

  /** Bytes that nobody has confirmed. */
  get waiting(): number {
    return this.#sent - this.#confirmed;
  }

  /** True where so many bytes may be sent, and count as sent now. */
  take(bytes: number): boolean {
    if (this.#full || this.waiting + bytes > this.#parts.mostBytes) {
      this.#full = true;
      if (!this.#asking) void this.#ask();
      return false;
    }
    this.#sent += bytes;
    if (this.waiting >= this.#slice && !this.#asking) void this.#ask();
    return true;
  }

  async #ask(): Promise<void> {
    this.#asking = true;
    const mark = this.#sent;
    try {
      await this.#parts.roundTrip();
      this.#confirmed = mark;
    } catch {
      // The connection broke, and what waited was thrown away with it.
      this.#confirmed = this.#sent;
    }
    this.#asking = false;
    if (this.#full && this.waiting <= this.#parts.mostBytes / 2) {
      this.#full = false;
      this.#parts.onRoom();
    } else if (this.waiting >= this.#slice) void this.#ask();
  }
}
