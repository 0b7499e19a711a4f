import { isUuidV7, uuidV7Time } from '../../schemas/ids.ts';

/**
 * One `client_id` of one sender is one message for the life of the chat. The greatest version 7 id that
 * was accepted is kept per sender, so an id above it that is not of the future was never seen, and costs
 * no lookup. Every other id is looked up. Accepted ids raise the mark also where they are of the future:
 * what is above the mark was then certainly never accepted. All ids here are lower-case.
 */
export function isSurelyNew(clientId: string, last: string | null, now: number): boolean {
  return isUuidV7(clientId) && (last === null || clientId > last) && uuidV7Time(clientId) <= now;
}

/** The mark after a message with this id was accepted. */
export function raisedClientId(last: string | null, clientId: string | null): string | null {
  if (clientId === null || !isUuidV7(clientId)) return last;
  return last === null || clientId > last ? clientId : last;
}
