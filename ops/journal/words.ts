import type { Adopted } from '../../actors/runtime/adopt.ts';
import type { Examined } from '../../actors/runtime/examine.ts';

/** What the operators' program says: one line a shard. */

export function statusLine(shard: number, found: Examined): string {
  const { newest, checkpoint } = found;
  const owner = newest === undefined ? 'no owner yet' : ownerOf(newest);
  const epoch = newest?.epoch ?? checkpoint?.epoch ?? 0;
  const places = `journal ${newest?.position ?? 0}  checkpoint ${checkpoint?.position ?? 0}`;
  return `shard ${shard}  epoch ${epoch}  ${places}  ${verdict(found)}  (${owner})`;
}

function ownerOf({ type, node }: NonNullable<Examined['newest']>): string {
  return type === 'release' ? `released by ${node}` : `claimed by ${node}`;
}

function verdict({ broken, unflushed }: Examined): string {
  if (broken !== undefined) return `quarantined: ${broken}`;
  return unflushed === 0 ? 'ok' : `unflushed ${unflushed}`;
}

/** What an adoption would do, and what is lost as far as anybody can know. */
export function plan(shard: number, { broken, checkpoint, newest, unflushed }: Examined): string {
  if (broken === undefined) return `shard ${shard}: is whole, nothing to adopt`;
  const has = `PostgreSQL has it up to position ${checkpoint?.position ?? 0}, the journal ends at ${newest?.position ?? 0}`;
  return [
    `shard ${shard}: ${broken}`,
    `  ${has}; ${unflushed} events follow the checkpoint without a gap.`,
    '  Adopting it writes whatever the journal still holds beyond the checkpoint, moves every chat of the shard to a seq',
    '  a million above its head, and goes on with this journal. What stands in neither of the two is lost.',
  ].join('\n');
}

export function outcome(shard: number, adopted: Adopted | undefined): string {
  if (adopted === undefined) return `shard ${shard}: is whole, nothing was done`;
  const { replayed, buried, unreadable, raised } = adopted;
  const more = [
    ...(buried > 0 ? [`${buried} could not be written and are in dead_letters`] : []),
    ...(unreadable > 0 ? [`${unreadable} records could not be read`] : []),
  ];
  return `shard ${shard}: adopted; ${[`${replayed} events of the journal written`, ...more, `${raised} chats moved on`].join(', ')}`;
}
