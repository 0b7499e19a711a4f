import type { ChatNote, Envelope, Heard } from './bus.ts';

/**
 * An envelope as bytes: one byte that names the form, a head, a line feed, the frame. No head holds a line
 * feed, so nobody looks into the frame to find it, and it is handed on as it stands.
 *
 * `c`: a frame of a chat with nothing else beside it, as most are: `id seq member_seq`, `seq` empty where there
 * is none. `j`: anything, as the JSON of the envelope without its frame. A later form takes another letter; who
 * does not know it drops the envelope, and beacons repair.
 *
 * Measured with a frame of 355 bytes: `c` takes 0.2 µs to write and 0.3 µs to read, a JSON head 0.7 and 0.7, the
 * whole envelope as JSON 2.1 and 1.2. A frame in Cyrillic read as a string costs 1.1 µs more than its bytes.
 */
const formChat = 0x63;
const formJson = 0x6a;
const lineFeed = 0x0a;

/** What may stand in the head as it is. */
const plain = /^[\w-]+$/;

export function encodeEnvelope(envelope: Envelope): Buffer {
  const { frame, chat, droppable, attach, note } = envelope;
  const simple =
    chat !== undefined &&
    chat.removed === undefined &&
    chat.head_age_ms === undefined &&
    !droppable &&
    attach === undefined &&
    note === undefined &&
    plain.test(chat.id);
  if (simple) return Buffer.from(`c${chat.id} ${chat.seq ?? ''} ${chat.member_seq}\n${frame}`);
  return Buffer.from(`j${JSON.stringify({ ...envelope, frame: undefined })}\n${frame}`);
}

/** The frame of what is given back is a part of these bytes. Undefined where this is no envelope that we know. */
export function decodeEnvelope(bytes: Buffer): Heard | undefined {
  const end = bytes.indexOf(lineFeed);
  if (end < 1) return undefined;
  const frame = end + 1 === bytes.length ? '' : bytes.subarray(end + 1);
  switch (bytes[0]) {
    case formChat: {
      const [id = '', seq = '', member = ''] = bytes.toString('latin1', 1, end).split(' ');
      const member_seq = Number(member);
      if (id === '' || member === '' || !Number.isSafeInteger(member_seq)) return undefined;
      if (seq === '') return { frame, chat: { id, member_seq } };
      const number = Number(seq);
      return Number.isSafeInteger(number) ? { frame, chat: { id, seq: number, member_seq } } : undefined;
    }
    case formJson:
      return headOf(bytes.toString('utf8', 1, end), frame);
    default:
      return undefined;
  }
}

function headOf(text: string, frame: Heard['frame']): Heard | undefined {
  let head: unknown;
  try {
    head = JSON.parse(text);
  } catch {
    return undefined;
  }
  return isHead(head) ? { ...head, frame } : undefined;
}

function isHead(head: unknown): head is Omit<Heard, 'frame'> {
  if (typeof head !== 'object' || head === null || Array.isArray(head)) return false;
  const { droppable, attach, chat } = head as Partial<Record<keyof Envelope, unknown>>;
  return (
    (droppable === undefined || typeof droppable === 'boolean') &&
    (attach === undefined || typeof attach === 'string') &&
    (chat === undefined || isChatNote(chat))
  );
}

function isChatNote(chat: unknown): chat is ChatNote {
  if (typeof chat !== 'object' || chat === null) return false;
  const { id, seq, member_seq, removed, head_age_ms } = chat as Partial<Record<keyof ChatNote, unknown>>;
  return (
    typeof id === 'string' &&
    Number.isSafeInteger(member_seq) &&
    (seq === undefined || Number.isSafeInteger(seq)) &&
    (head_age_ms === undefined || Number.isFinite(head_age_ms)) &&
    (removed === undefined || (Array.isArray(removed) && removed.every((each) => typeof each === 'string')))
  );
}
