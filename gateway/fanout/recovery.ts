import type { CallMeta } from '../../ops/broker/call.ts';
import type { Bus } from '../../ops/bus/bus.ts';
import { type Clock, sleep } from '../../ops/process/clock.ts';
import type { Logger } from '../../ops/telemetry/logger.ts';
import { type PrivacyNote, subjects } from '../../schemas/subjects.ts';
import type { Connection } from '../websocket/connection.ts';
import type { Fanout } from './fanout.ts';
import type { LocalUser } from './local.ts';

export interface RecoveryParts {
  bus: Pick<Bus, 'onLoss' | 'subscribe'>;
  clock: Clock;
  fanout: Pick<Fanout, 'users' | 'reattach' | 'resync'>;
  logger: Logger;
  /** Learns from the database which logins were revoked meanwhile, and ends their connections. */
  recheckLogins(): Promise<void>;
  meta(connection: Connection): CallMeta;
  /** Ends watches of users who hide by now. */
  reviewWatches(connection: Connection): Promise<void>;
  /** Ends all its watches: nobody can be asked who hides. */
  hideWatched(connection: Connection): void;
  /** Says `bye` and closes: this gateway cannot serve the connection now. */
  turnAway(connection: Connection): void;
}

/** What may have gone by: anything, or only who hides from whom. */
type Extent = 'all' | 'hiding';

/** The users of a gateway are looked after in turn, within this time where that is quick. */
const spreadMs = 5000;
const atOnce = 64;
const attempts = 6;
const firstPauseMs = 500;

/**
 * What a gateway does after a broken link to the bus. Frames, changes of membership and revoked logins may all
 * have gone by: logins are read again at once; each user's chats are read and attached again, and then his
 * connections are told `resync`, not all of them in one moment. A user whose chats cannot be read is turned
 * away: his client comes back, here or elsewhere.
 *
 * Where the link of those was broken who tell of hiding, only watches are looked at again, in the same way. Where nobody
 * can be asked who hides, all are taken to hide: watches end, and clients are told `resync`, which has them watch anew.
 * The returned function ends it.
 */
export function createRecovery(parts: RecoveryParts): () => void {
  const { bus, clock, fanout, logger } = parts;
  let running = false;
  let due: Extent | undefined;
  let closed = false;

  /** False where all attempts failed. */
  async function attempted(task: () => Promise<void>, last: (error: unknown) => void): Promise<boolean> {
    for (let attempt = 1; !closed; attempt++) {
      try {
        await task();
        return true;
      } catch (error) {
        if (attempt === attempts) {
          last(error);
          return false;
        }
        await sleep(clock, firstPauseMs * 2 ** (attempt - 1));
      }
    }
    return false;
  }

  async function recover(user: LocalUser, extent: Extent): Promise<void> {
    if (extent === 'all' && !(await reattached(user))) {
      if (!closed) for (const connection of [...user.connections]) parts.turnAway(connection);
      return;
    }
    const reviewed = await attempted(
      async () => {
        for (const watching of [...user.connections]) await parts.reviewWatches(watching);
      },
      (error) => logger.warn({ err: error }, 'who hides from a user could not be asked: all do'),
    );
    if (closed) return;
    if (!reviewed) for (const watching of [...user.connections]) parts.hideWatched(watching);
    if (extent === 'all' || !reviewed) fanout.resync(user);
  }

  function reattached(user: LocalUser): Promise<boolean> {
    return attempted(
      async () => {
        const [connection] = user.connections;
        if (connection !== undefined) await fanout.reattach(user, parts.meta(connection));
      },
      (error) => logger.warn({ err: error }, 'the chats of a user could not be attached again'),
    );
  }

  async function recoverAll(extent: Extent): Promise<void> {
    const users = [...fanout.users()].filter((user) => extent === 'all' || watches(user));
    const begun = clock.monotonic();
    let next = 0;
    const worker = async () => {
      for (let user = users[next]; user !== undefined && !closed; user = users[next]) {
        const wait = begun + (next++ * spreadMs) / users.length - clock.monotonic();
        if (wait > 0) await sleep(clock, wait);
        if (user.connections.size > 0) await recover(user, extent);
      }
    };
    await Promise.all(Array.from({ length: Math.min(atOnce, users.length) }, worker));
  }

  async function recheckLogins(): Promise<void> {
    await attempted(parts.recheckLogins, (error) =>
      logger.error({ err: error }, 'revoked logins could not be read again'),
    );
  }

  async function run(): Promise<void> {
    running = true;
    for (let extent = due; extent !== undefined && !closed; extent = due) {
      due = undefined;
      await Promise.all([extent === 'all' && recheckLogins(), recoverAll(extent)]);
    }
    running = false;
  }

  function begin(extent: Extent): void {
    if (due !== 'all') due = extent;
    if (!running) void run();
  }

  const endLoss = bus.onLoss((loss) => {
    // What this process sends is not what its connections hear.
    if (loss === 'all') begin('all');
  });
  const endNotes = bus.subscribe(subjects.privacy, ({ note }) => {
    if ((note as PrivacyNote).user_id === undefined) begin('hiding');
  });

  return () => {
    closed = true;
    endLoss();
    endNotes();
  };
}

function watches({ connections }: LocalUser): boolean {
  for (const { watched } of connections) if (watched !== undefined) return true;
  return false;
}
