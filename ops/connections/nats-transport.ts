import { deferred, NatsConnectionImpl, setTransportFactory } from 'nats/lib/nats-base-client/internal_mod.js';
import { NodeTransport, nodeResolveHost } from 'nats/lib/src/node_transport.js';

type ConnectOptions = Parameters<typeof NatsConnectionImpl.connect>[0];

/** Bytes that do not wait for the end of the turn. */
const joinMost = 64 * 1024;

/**
 * The client's own transport, but for how it writes and reads: everything that one turn of the event loop sends
 * goes in one system call. The client writes once per microtask instead, so that each answer of a turn, and each
 * append, would be a call of its own, a promise, and a wake-up of the server.
 */
class JoinedTransport extends NodeTransport {
  #frames: Uint8Array[] = [];
  #bytes = 0;

  override send(frame: Uint8Array): void {
    if (this.isClosed) return;
    this.#frames.push(frame);
    this.#bytes += frame.length;
    if (this.#bytes >= joinMost) this.#write();
    else if (this.#frames.length === 1) setImmediate(() => this.#write());
  }

  override async close(error?: Error): Promise<void> {
    this.#write();
    await super.close(error);
  }

  /** Native: what the client was compiled to takes a chunk of bytes through three more promises. */
  override async *iterate(): AsyncIterableIterator<Uint8Array> {
    while (!this.done) {
      await this.signal;
      const chunks = this.yields;
      this.yields = [];
      for (const chunk of chunks) yield chunk;
      if (this.yields.length === 0) this.signal = deferred();
    }
  }

  /** A write that fails ends the connection, which tells of itself. */
  #write(): void {
    const [first, ...more] = this.#frames;
    if (first === undefined) return;
    this.#frames = [];
    this.#bytes = 0;
    if (this.isClosed || this.socket === undefined) return;
    this.socket.write(more.length === 0 ? first : Buffer.concat([first, ...more]));
  }
}

/** As `connect` of the client, on that transport. */
export function connectJoined(options: ConnectOptions) {
  // Read whenever a connection is made anew, by every connection of the process.
  setTransportFactory({ factory: () => new JoinedTransport(), dnsResolveFn: nodeResolveHost });
  return NatsConnectionImpl.connect(options);
}
