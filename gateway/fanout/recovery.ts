import type { CallMeta } from '../../ops/broker/call.ts';
import type { Bus } from '../../ops/bus/bus.ts';
import { type Clock, sleep } from '../../ops/process/clock.ts';
import type { Logger } from '../../ops/telemetry/logger.ts';
import type { Connection } from '../websocket/connection.ts';
import type { Fanout } from './fanout.ts';
import type { LocalUser } from './local.ts';

export interface RecoveryParts {
  bus: Pick<Bus, 'onLoss'>;
  clock: Clock;
  fanout: Pick<Fanout, 'users' | 'reattach' | 'resync'>;
  logger: Logger;
  /** Learns from the database which logins were revoked meanwhile, and ends their connections. */
  recheckLogins(): Promise<void>;
  meta(connection: Connection): CallMeta;
  /** Ends watches of users who hide by now. */
  reviewWatches(connection: Connection): Promise<void>;
  /** Says `bye` and closes: this gateway cannot serve the connection now. */
  turnAway(connection: Connection): void;
}

/** The users of a gateway are looked after in turn, within this time where that is quick. */
const spreadMs = 5000;
const atOnce = 64;
const attempts = 6;
const firstPauseMs = 500;

/**
 * What a gateway does after a broken link to the bus. Frames, changes of membership and revoked logins may all
 * have gone by: logins are read again at once; each user's chats are read and attached again, and then his
 * connections are told `resync`, not all of them in one moment. A user for whom that cannot be done is turned
 * away: his client comes back, here or elsewhere. The returned function ends it.
 */
export function createRecovery(parts: RecoveryParts): () => void {
  const { bus, clock, fanout, logger } = parts;
  let running = false;
  let again = false;
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

  async function recover(user: LocalUser): Promise<void> {
    const done = await attempted(
      async () => {
        const [connection] = user.connections;
        if (connection !== undefined) await fanout.reattach(user, parts.meta(connection));
        for (const watching of [...user.connections]) await parts.reviewWatches(watching);
      },
      (error) => logger.warn({ err: error }, 'a user could not be attached again'),
    );
    if (closed) return;
    if (done) fanout.resync(user);
    else for (const connection of [...user.connections]) parts.turnAway(connection);
  }

  async function recoverAll(): Promise<void> {
    const users = [...fanout.users()];
    const begun = clock.monotonic();
    let next = 0;
    const worker = async () => {
      for (let user = users[next]; user !== undefined && !closed; user = users[next]) {
        const wait = begun + (next++ * spreadMs) / users.length - clock.monotonic();
        if (wait > 0) await sleep(clock, wait);
        if (user.connections.size > 0) await recover(user);
      }
    };
    await Promise.all(Array.from({ length: Math.min(atOnce, users.length) }, worker));
  }

  async function run(): Promise<void> {
    running = true;
    do {
      again = false;
      const logins = attempted(parts.recheckLogins, (error) =>
        logger.error({ err: error }, 'revoked logins could not be read again'),
      );
      await Promise.all([logins, recoverAll()]);
    } while (again && !closed);
    running = false;
  }

  const endLoss = bus.onLoss((loss) => {
    // What this process sends is not what its connections hear.
    if (loss !== 'all') return;
    again = true;
    if (!running) void run();
  });

  return () => {
    closed = true;
    endLoss();
  };
}
