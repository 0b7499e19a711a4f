import { Transporters } from 'moleculer';
import { connectNats, type LinkChange, type NatsLink } from '../connections/nats.ts';

export interface TransporterOptions {
  url: string;
  /** What NATS's monitoring shows. */
  name: string;
  /**
   * Milliseconds for which a packet that is read now may have waited in this process's socket: it was
   * stopped, or its event loop blocked, and its clock could not count.
   */
  late(): number;
  /** There is a connection, and what was subscribed so far holds; not called before the first one. */
  connected(link: NatsLink): void;
  onChange(change: LinkChange): void;
}

/** The part of a packet that the budget of a call is in. */
interface Budgeted {
  meta?: { budget_ms?: number };
}

/**
 * Moleculer's NATS transporter on our connection: it knows when NATS is away, so that a call made then is
 * refused at once, and does not charge a caller's patience to the time in which we slept.
 */
export class NatsTransporter extends Transporters.NATS {
  readonly #options: TransporterOptions;
  #link: NatsLink | undefined;

  constructor(options: TransporterOptions) {
    super();
    this.#options = options;
  }

  /** Is NATS there now? What is published meanwhile is lost. */
  get up(): boolean {
    return this.#link?.up() ?? false;
  }

  /** Moleculer tries again every 5 s where this rejects. */
  override async connect(): Promise<void> {
    const { url, name, connected, onChange } = this.#options;
    const link = await connectNats({ url, name });
    this.#link = link;
    this.client = link.connection;
    link.onChange((change) => {
      if (change !== 'refused') this.connected = change === 'back';
      onChange(change);
    });
    connected(link);
    await this.onConnected();
  }

  /** Resolves when NATS has what was sent so far, or the connection breaks; not where it hangs, or was closed. Never rejects. */
  async flushed(): Promise<void> {
    await this.#link?.connection.flush().catch(() => {});
  }

  override async disconnect(): Promise<void> {
    this.connected = false;
    await this.#link?.close();
  }

  override async subscribe(cmd: string, nodeId?: string): Promise<void> {
    this.#link?.connection.subscribe(this.getTopicName(cmd, nodeId), {
      callback: (error, { data }) => {
        if (error === null) void this.receive(cmd, Buffer.from(data.buffer, data.byteOffset, data.length));
      },
    });
  }

  override deserialize(type: string, bytes: Buffer) {
    const packet = super.deserialize(type, bytes);
    const late = type === 'REQ' ? this.#options.late() : 0;
    if (late > 0) charge(packet.payload, late);
    return packet;
  }
}

/** Budgets count from arrival, and it arrived while nobody counted. Too little left only means: not done. */
function charge(request: Budgeted, ms: number): void {
  if (request.meta?.budget_ms !== undefined) request.meta.budget_ms -= ms;
}
