/** WebSocket framing for the load driver: just what a load needs, as cheap as it can be. */

/**
 * One text frame of a client. Its mask is zero: allowed, and the payload need not be changed. The server unmasks it
 * all the same.
 */
export function clientFrame(payload: Buffer | string, opcode = 0x1): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
  const { length } = bytes;
  if (length > 0xffff) throw new RangeError(`A frame of ${length} bytes: the driver sends 65,535 at most`);
  const head = length < 126 ? 6 : 8;
  const frame = Buffer.alloc(head + length);
  frame[0] = 0x80 | opcode;
  if (length < 126) frame[1] = 0x80 | length;
  else {
    frame[1] = 0x80 | 126;
    frame.writeUInt16BE(length, 2);
  }
  bytes.copy(frame, head);
  return frame;
}

export interface FrameHandlers {
  /** The payload lies in `from` up to `to`, and is gone when this returns. */
  onText(bytes: Buffer, from: number, to: number): void;
  onPing(payload: Buffer): void;
  onClose(code: number): void;
}

/** Reads the frames of one server: unmasked and whole, as every server here sends them. */
export class FrameReader {
  readonly #handlers: FrameHandlers;
  /** The beginning of a frame whose end has not come. */
  #rest: Buffer | undefined;

  constructor(handlers: FrameHandlers) {
    this.#handlers = handlers;
  }

  read(chunk: Buffer): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = undefined;
    let at = 0;
    while (at < bytes.length) {
      const end = this.#one(bytes, at);
      if (end === 0) break;
      at = end;
    }
    if (at < bytes.length) this.#rest = Buffer.from(bytes.subarray(at));
  }

  /** Where the frame that begins here ends; 0: not all of it has come. */
  #one(bytes: Buffer, at: number): number {
    if (at + 2 > bytes.length) return 0;
    let length = (bytes[at + 1] ?? 0) & 0x7f;
    let from = at + 2;
    if (length === 126) {
      if (at + 4 > bytes.length) return 0;
      length = bytes.readUInt16BE(at + 2);
      from = at + 4;
    } else if (length === 127) {
      if (at + 10 > bytes.length) return 0;
      length = Number(bytes.readBigUInt64BE(at + 2));
      from = at + 10;
    }
    const to = from + length;
    if (to > bytes.length) return 0;
    this.#take((bytes[at] ?? 0) & 0x0f, bytes, from, to);
    return to;
  }

  #take(opcode: number, bytes: Buffer, from: number, to: number): void {
    if (opcode === 0x1) this.#handlers.onText(bytes, from, to);
    else if (opcode === 0x9) this.#handlers.onPing(bytes.subarray(from, to));
    else if (opcode === 0x8) this.#handlers.onClose(to - from >= 2 ? bytes.readUInt16BE(from) : 1005);
  }
}
