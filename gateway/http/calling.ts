import type { CallMeta } from '../../ops/broker/call.ts';
import { languageOf } from '../../schemas/language.ts';
import { metaOf } from './meta.ts';
import type { Answer, Route, RouteParts, RouteRequest } from './route.ts';

/** The handler that calls `action` and answers with `status`: the reply, or nothing for 204. */
export function calling(
  action: string,
  status: number,
  params: (request: RouteRequest) => object = () => ({}),
  meta: (request: RouteRequest) => CallMeta = metaOf,
): Route['handle'] {
  return async (request: RouteRequest, { call }: RouteParts): Promise<Answer> => {
    const reply = await call(action, params(request), meta(request));
    return status === 204 ? { status } : { status, body: reply };
  };
}

export const body = (request: RouteRequest) => request.body as object;

/** What is mailed because of this request is in its client's language. */
export const bodyAndLanguage = (request: RouteRequest) => ({
  ...body(request),
  language: languageOf(request.headers?.['accept-language'] ?? ''),
});
