import type { HttpResponse } from 'uWebSockets.js';
import type { Readable } from 'node:stream';

/** Answers whose bytes are on their way. */
export interface Sending {
  /** How many there are. */
  readonly size: number;
  /** Sends all of a stream that holds exactly `size` bytes, after a head that is written. */
  send(res: HttpResponse, stream: Readable, size: number): void;
  /** Ends them all. */
  close(): void;
}

/**
 * A client that does not read holds one piece of the stream and what uWebSockets has of it; about 10 s after it has
 * last taken something uWebSockets ends it.
 */
export function createSending(): Sending {
  const streams = new Set<Readable>();
  return {
    get size() {
      return streams.size;
    },
    send(res, stream, size) {
      streams.add(stream);
      let over = false;
      let waiting: { bytes: Uint8Array; at: number } | undefined;

      function finish(): void {
        over = true;
        streams.delete(stream);
        stream.destroy();
      }
      /** True where the client has taken it. */
      function put(bytes: Uint8Array): boolean {
        let [ok, done] = [true, false];
        res.cork(() => {
          [ok, done] = res.tryEnd(bytes, size);
        });
        if (done) finish();
        return ok;
      }

      res.onAborted(finish);
      res.onWritable((offset) => {
        if (over || waiting === undefined) return true;
        const { bytes, at } = waiting;
        const ok = put(bytes.subarray(offset - at));
        if (ok && !over) {
          waiting = undefined;
          stream.resume();
        }
        return ok;
      });
      stream.on('data', (bytes: Buffer) => {
        if (over) return;
        const at = res.getWriteOffset();
        if (put(bytes) || over) return;
        stream.pause();
        waiting = { bytes, at };
      });
      const broken = () => {
        if (over) return;
        finish();
        // Half an answer must not look like a whole one.
        res.close();
      };
      stream.on('error', broken);
      stream.on('end', () => {
        if (waiting === undefined) broken();
      });
    },
    close() {
      for (const stream of streams) stream.destroy(new Error('The gateway ends'));
    },
  };
}
