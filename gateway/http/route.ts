import type { TSchema } from 'typebox';
import type { Actors } from '../../actors/client/ask.ts';
import type { Call } from '../../ops/broker/call.ts';
import type { AccessTokens, Caller } from '../../ops/security/access-tokens.ts';

/** One REST endpoint: a row of a table. Adding one is this row plus its schemas. */
export interface Route {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Parameters stand in braces: `/api/v1/users/{id}`. */
  path: string;
  summary: string;
  auth: 'user' | 'open';
  /** Which rate limit counts the call: password and token tries, messages, other calls, or none. */
  limit: 'auth' | 'messages' | 'calls' | 'none';
  /** Known query parameters, as strings; unknown ones are ignored, known ones are validated. */
  query?: TSchema;
  body?: TSchema;
  /** Schemas of the good answers, by status. */
  replies: Record<number, TSchema | undefined>;
  handle(request: RouteRequest, parts: RouteParts): Promise<Answer>;
}

/** A request that has passed the pipeline: decoded, authenticated, limited, validated. */
export interface RouteRequest {
  params: Record<string, string>;
  query: Record<string, string>;
  body: unknown;
  /** Present where the route's `auth` is `user`. */
  caller?: Caller;
  request_id: string;
  ip: string;
  /** The user agent, cut to 200 characters: the name of a login's device. */
  device: string;
}

/** What handlers may use. */
export interface RouteParts {
  call: Call;
  actors: Actors;
  tokens: AccessTokens;
}

export interface Answer {
  status: number;
  /** JSON, unless `text` is given; neither: no body. */
  body?: unknown;
  text?: { type: string; content: string };
  headers?: Record<string, string>;
}
