import type { Membership } from '../../ops/broker/membership.ts';
import { type Clock, sleep } from '../../ops/process/clock.ts';
import type { UserCommand } from '../../schemas/user/commands.ts';
import type { Wanted } from './wanted.ts';

export interface LostGatewaysParts {
  membership: Pick<Membership, 'members' | 'onChange'>;
  /** Tells every user actor in memory here, for as long as `still` says so. */
  tellAll(command: UserCommand, still: () => boolean): Promise<void>;
  wanted: Pick<Wanted, 'gateway'>;
  clock: Clock;
  /** Milliseconds that a `connect` may be under way: one that was may arrive after its gateway's end. */
  budgetMs: number;
}

/** Gateways whose return would be noticed; the oldest are forgotten, and never come back under their names. */
const mostGone = 1000;

/**
 * User actors hear of gateways that left the membership, whose sockets are then closed or out of reach. One
 * that only drains is still there and says by itself which connections end. One that comes back under its
 * name was paused or cut off, and may have its sockets still: it is asked to announce them again. What is
 * returned ends all that.
 */
export function followGateways(parts: LostGatewaysParts): () => void {
  const { membership, tellAll, wanted, clock, budgetMs } = parts;
  const known = new Set<string>();
  /** Which leave it was, by gateway: a second one in the time of the first has a telling of its own. */
  const gone = new Map<string, number>();
  let leaves = 0;

  async function lost(gateway: string): Promise<void> {
    const leave = ++leaves;
    gone.delete(gateway);
    gone.set(gateway, leave);
    for (const oldest of gone.keys()) if (gone.size > mostGone) gone.delete(oldest);
    const still = () => gone.get(gateway) === leave;
    await tellAll({ type: 'gateway.gone', gateway }, still);
    await sleep(clock, budgetMs);
    if (still()) await tellAll({ type: 'gateway.gone', gateway }, still);
  }

  function look(): void {
    const members = membership.members();
    const live = new Set(members.map(({ id }) => id));
    for (const { id, roles } of members) if (roles.includes('gateway')) known.add(id);
    for (const gateway of [...known]) {
      if (live.has(gateway)) {
        if (gone.delete(gateway)) wanted.gateway(gateway);
      } else if (known.delete(gateway)) void lost(gateway);
    }
  }

  look();
  const unlisten = membership.onChange(look);
  return () => {
    unlisten();
    gone.clear();
  };
}
