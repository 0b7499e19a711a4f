import { asClientError } from './client-error.ts';
import type { Rest, RestAnswer, RestCall } from './rest.ts';
import type { TokenKeeper } from './tokens.ts';

/** A REST call as the client's user. Rejects with a ClientError. */
export type AskAsUser = <T>(call: RestCall) => Promise<RestAnswer<T>>;

/** A token that the server does not take any more is renewed, once. */
export function createAskAsUser(rest: Rest, tokens: TokenKeeper): AskAsUser {
  return async <T>(call: RestCall) => {
    const token = await tokens.access();
    try {
      return await rest.as<T>(token, call);
    } catch (thrown) {
      if (asClientError(thrown).code !== 'unauthenticated') throw thrown;
      tokens.spent(token);
      return rest.as<T>(await tokens.access(), call);
    }
  };
}
