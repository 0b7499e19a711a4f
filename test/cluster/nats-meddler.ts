import type { Meddle } from './network-link.ts';

/** What a bad network does to frames of the bus on their way to a process. Chances from 0 to 1. */
export interface Mischief {
  drop: number;
  double: number;
  /** A frame changes places with the one after it. */
  swap: number;
}

export const noMischief: Mischief = { drop: 0, double: 0, swap: 0 };

/**
 * Reads NATS's protocol as it passes, and drops, doubles and swaps the messages of the bus alone: answers, the
 * journal's and Moleculer's messages pass as they are. `mischief` is asked for each. Of Moleculer's messages those
 * by which the node `hidden` shows that it is there are dropped: its id begins so.
 */
export function meddleWithBus(
  prefix: string,
  random: () => number,
  mischief: () => Mischief,
  hidden: () => string | undefined = () => undefined,
): Meddle {
  const rests = new WeakMap<object, Buffer>();
  const kept = new WeakMap<object, Buffer>();

  return (connection, piece) => {
    const before = rests.get(connection);
    let data = before === undefined ? piece : Buffer.concat([before, piece]);
    const out: Buffer[] = [];
    for (let next = firstOperation(data); next !== undefined; next = firstOperation(data)) {
      const operation = data.subarray(0, next.length);
      data = data.subarray(next.length);
      const { subject = '' } = next;
      if (presence.test(subject) && isFrom(hidden(), operation)) continue;
      if (!subject.startsWith(prefix)) out.push(operation);
      else out.push(...meddled(connection, operation));
    }
    rests.set(connection, Buffer.from(data));
    return Buffer.concat(out);
  };

  function meddled(connection: object, operation: Buffer): Buffer[] {
    const { drop, double, swap } = mischief();
    const waiting = kept.get(connection);
    kept.delete(connection);
    const dice = random();
    const own = dice < drop ? [] : dice < drop + double ? [operation, operation] : [operation];
    if (waiting !== undefined) return [...own, waiting];
    if (own.length === 1 && random() < swap) {
      kept.set(connection, Buffer.from(operation));
      return [];
    }
    return own;
  }
}

const presence = /^MOL-.*\.(HEARTBEAT|INFO)(\.|$)/;

function isFrom(node: string | undefined, operation: Buffer): boolean {
  return node !== undefined && operation.includes(`"sender":"${node}`);
}

/** The length of the first whole operation, and the subject where it is a message. */
function firstOperation(data: Buffer): { length: number; subject?: string } | undefined {
  const end = data.indexOf('\r\n');
  if (end < 0) return undefined;
  const line = data.toString('latin1', 0, end);
  const [verb, subject, ...rest] = line.split(' ');
  if (verb !== 'MSG' && verb !== 'HMSG') return { length: end + 2 };
  const length = end + 2 + Number(rest.at(-1)) + 2;
  return data.length < length ? undefined : { length, ...(subject !== undefined && { subject }) };
}
