import { Errors } from 'moleculer';
import { fail, type Refusal, SuhbatError } from '../../schemas/errors.ts';

/** An error of a call as ours, by its `type`: classes do not survive the way between nodes. */
export function refused(error: unknown): unknown {
  if (error instanceof SuhbatError || !(error instanceof Error) || !('type' in error)) return error;
  switch (error.type) {
    case 'REFUSAL':
      return new SuhbatError((error as unknown as { data: Refusal }).data);
    // A rejected or skipped request may have reached its node: unknown, like one without an answer.
    case 'REQUEST_TIMEOUT':
    case 'REQUEST_REJECTED':
    case 'REQUEST_SKIPPED':
      return fail('timeout');
    case 'SERVICE_NOT_FOUND':
    case 'SERVICE_NOT_AVAILABLE':
    // NATS is away, and it was not sent.
    case 'BAD_GATEWAY':
      return fail('unavailable', { reason: 'no_service' });
    case 'QUEUE_FULL':
      return fail('unavailable', { reason: 'overloaded', retry_after_ms: 500 });
    default:
      return error;
  }
}

/** Puts the refusal on the wire between nodes; `refused` makes a SuhbatError of it again. */
export class RefusalRegenerator extends Errors.Regenerator {
  override extractPlainError(error: Error): Errors.PlainMoleculerError {
    const plain = super.extractPlainError(error);
    return error instanceof SuhbatError ? { ...plain, type: 'REFUSAL', data: error.refusal } : plain;
  }
}
