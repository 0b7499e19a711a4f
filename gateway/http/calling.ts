import { metaOf } from './meta.ts';
import type { Answer, Route, RouteParts, RouteRequest } from './route.ts';

/** The handler that calls `action` and answers with `status`: the reply, or nothing for 204. */
export function calling(
  action: string,
  status: number,
  params: (request: RouteRequest) => object = () => ({}),
): Route['handle'] {
  return async (request: RouteRequest, { call }: RouteParts): Promise<Answer> => {
    const reply = await call(action, params(request), metaOf(request));
    return status === 204 ? { status } : { status, body: reply };
  };
}
