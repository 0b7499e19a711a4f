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

/** After the plans of so many shards. `exclusive`: no other process has the journal. */
export function afterPlan(broken: number, exclusive: boolean): string {
  if (broken === 0) return 'There is nothing to adopt.';
  const first = 'First see that suhbat_flush_waiting_events is 0 on every node of actors: what one of them';
  const owners = exclusive ? '' : `\n${first} still has to flush is lost too.`;
  return `Nothing was done. Say so again with --yes.${owners}`;
}

export function waitingLine(broken: number, quietMs: number): string {
  const shards = broken === 1 ? '1 shard is' : `${broken} shards are`;
  return `${shards} in quarantine; waiting ${quietMs / 1000} s to see whether an owner still flushes …`;
}

export function failure(shard: number, error: unknown): string {
  return `shard ${shard}: could not be adopted: ${error instanceof Error ? error.message : String(error)}`;
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
