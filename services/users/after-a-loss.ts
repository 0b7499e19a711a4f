import { sleep } from '../../ops/process/clock.ts';
import { tokenGoodMs } from '../../ops/security/access-tokens.ts';
import { publishRevoked } from '../../ops/security/revoked-logins.ts';
import type { Logger } from '../../ops/telemetry/logger.ts';
import { type PrivacyNote, subjects } from '../../schemas/subjects.ts';
import { revokedSince } from './logins.store.ts';
import type { UsersParts } from './parts.ts';

export interface RepeatParts extends Pick<UsersParts, 'bus' | 'db' | 'clock'> {
  logger: Logger;
}

const tries = 5;
const pauseMs = 1000;

/**
 * What this process told while its link to the bus was broken, or not told because one like it ended just then,
 * is told again, now and after each loss: which logins are revoked; and that somebody may hide by now. Of whom, no row
 * says: gateways look at every watch again. The returned function ends it.
 */
export function repeatNotes({ bus, db, clock, logger }: RepeatParts): () => void {
  async function repeatRevoked(): Promise<void> {
    for (let tried = 1; ; tried++) {
      try {
        const notes = await revokedSince(db, clock.now() - tokenGoodMs);
        for (const note of notes) void publishRevoked(bus, note);
        return;
      } catch (error) {
        if (tried === tries) {
          logger.warn({ err: error }, 'revoked logins could not be told again');
          return;
        }
        await sleep(clock, tried * pauseMs);
      }
    }
  }

  function repeat(): void {
    bus.publish(subjects.privacy, { frame: '', note: {} satisfies PrivacyNote });
    void repeatRevoked();
  }

  repeat();
  return bus.onLoss(repeat);
}
