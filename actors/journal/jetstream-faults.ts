import { errCodes, JetstreamRefusal, type ServerError } from './jetstream-api.ts';
import { JournalError, type JournalFault } from './journal.ts';

/**
 * What the server's answer to an append means. Numbers are of the server's list of errors: 10071 and 10164
 * (2.11+, where another append to the subject is under way) a wrong expectation; 10054 a message above the
 * stream's bound; 10077 whatever its store says, where "maximum …" is a bound; 10023, 10047, 10028 and
 * 10002 a server or an account without room. All of these are decided before anything is kept. 10158
 * (the same message id is under way), 10163 (the leader does not know yet) and what is not named here leave
 * it open.
 */
export function appendFault({ err_code, description }: ServerError): JournalFault {
  switch (err_code) {
    case 10071:
    case 10164:
    case 10054:
      return 'refused';
    case 10077:
      return description.startsWith('maximum ') ? 'full' : 'in_doubt';
    case 10002:
    case 10023:
    case 10028:
    case 10047:
      return 'full';
    default:
      return 'in_doubt';
  }
}

export function isStreamMissing(error: unknown): boolean {
  return error instanceof JetstreamRefusal && error.errCode === errCodes.streamNotFound;
}

/** Whatever a read, a trim or a look ended with, as the port's error. */
export function journalError(error: unknown, doing: string): JournalError {
  if (error instanceof JournalError) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new JournalError('in_doubt', `${doing}: ${why}`, error);
}
