import type { HttpResponse } from 'uWebSockets.js';
import type { TSchema } from 'typebox';
import type { Actors } from '../../actors/client/ask.ts';
import type { Call } from '../../ops/broker/call.ts';
import type { OnlineKeys } from '../../ops/ephemeral/online-keys.ts';
import type { AccessTokens, Caller } from '../../ops/security/access-tokens.ts';
import type { Refusal } from '../../schemas/errors.ts';
import type { Refusals } from '../../schemas/refusals.ts';
import type { GatewayMedia } from '../media.ts';
import type { BodyStream } from './body-stream.ts';

/** One REST endpoint: a row of a table. Adding one is this row plus its schemas. */
export interface Route {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Parameters stand in braces: `/api/v1/users/{id}`. */
  path: string;
  summary: string;
  /** More than the summary says, as Markdown; for the documents. */
  description?: string;
  /**
   * `ticket`: as `user`, or by a `?ticket=` of the query. `signature`: as `user`, or by a `?sig=` of the query, which
   * the route's own work checks: then it has no caller.
   */
  auth: 'user' | 'ticket' | 'signature' | 'open';
  /**
   * The right that the caller's role needs (services/access/policy.csv). It is enforced by the service behind the route;
   * here it is for the documents, and for the test that asks every such route as every role.
   */
  permit?: { object: string; act: string };
  /** Which rate limit counts the call: password and token tries, messages, other calls, or none. */
  limit: 'auth' | 'messages' | 'calls' | 'none';
  /** Known query parameters, as strings; unknown ones are ignored, known ones are validated. */
  query?: TSchema;
  body?: TSchema;
  /** Instead of `body`: bytes that the handler reads as they come (`RouteRequest.upload`), at most so many. */
  upload?: { most: number; type: string; schema: TSchema };
  /** Its answer may take longer than that of others: pictures are made. */
  slow?: true;
  /** Names of request headers, in lower case, that the handler looks at: `RouteRequest.headers` has them. */
  headers?: readonly string[];
  /** Its 200 carries an `ETag`; for the documents. */
  tagged?: boolean;
  /** Schemas of the good answers, by status. */
  replies: Record<number, TSchema | undefined>;
  /** Media type of a 200 without a schema, for the documents; `text/plain` where it is absent. */
  media?: string;
  /** Schemas of path parameters that their names do not tell, for the documents. */
  params?: Readonly<Record<string, TSchema>>;
  /** What the route refuses because of what it is asked, beyond what the pipeline refuses; for the documents. */
  refusals?: Refusals;
  /** Told beside the fields of the problem document, for clients that read others. */
  refusalFields?(refusal: Refusal): Record<string, string>;
  handle(request: RouteRequest, parts: RouteParts): Promise<Answer>;
}

/** A request that has passed the pipeline: decoded, authenticated, limited, validated. */
export interface RouteRequest {
  params: Record<string, string>;
  query: Record<string, string>;
  body: unknown;
  /** Those that the route names, empty where the client sent none. */
  headers?: Record<string, string>;
  /** Present where the route's `auth` is not `open`. */
  caller?: Caller;
  /** HEAD: the answer has no body. */
  head?: true;
  /** Present where the route takes an upload. */
  upload?: BodyStream;
  /** Says that an upload has come in: from now on its answer has to come soon. */
  settling?: () => void;
  request_id: string;
  /** See `CallMeta`. */
  trace?: string;
  /** Of the client; asked for when it is needed, since that costs a microsecond. */
  ip(): string;
  /** Milliseconds that a call made for it may take now. */
  left(): number;
  /** The user agent, cut to 200 characters: the name of a login's device. */
  device: string;
}

/** What handlers may use. */
export interface RouteParts {
  call: Call;
  /** Does not wait for a service that nobody serves just now. */
  callNow: Call;
  actors: Actors;
  tokens: AccessTokens;
  /** Where other programs look who is online. */
  online?: Pick<OnlineKeys, 'seen'> | undefined;
  media: GatewayMedia;
  /** What begins an event stream for this caller. Throws `unavailable` and `rate_limited`. */
  openStream(caller: Caller, request: Pick<RouteRequest, 'ip' | 'trace'>): BeginStream;
}

/** Goes on with a response whose head is written, within its cork, and ends it some time. */
export type BeginStream = (res: HttpResponse) => void;

export interface Answer {
  status: number;
  /** JSON, unless `text` is given (with its media type, and bytes where they are ready); neither: no body. */
  body?: unknown;
  text?: { type: string; content: string | Uint8Array };
  /** Instead of both: server-sent events. */
  stream?: BeginStream;
  /** Or bytes from elsewhere; for HEAD they are not opened. Throws what ends the request instead. */
  file?: { type: string; size: number; send: BeginStream };
  headers?: Record<string, string>;
}
