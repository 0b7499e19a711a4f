import type { Refusal } from '../../../schemas/errors.ts';
import type { RequestFields, RequestType } from '../../../schemas/frames/client.ts';
import type { ReplyFields } from '../../../schemas/frames/server.ts';
import type { Person } from './scene.ts';

/** One call of a REST route with its whole answer, as the documents show it. */
export interface RouteExample {
  summary: string;
  /** Whose access token goes with it; Ali's unless it says otherwise. */
  by?: Person;
  params?: Record<string, string>;
  query?: Record<string, string>;
  body?: unknown;
  /** The file of a form, as text or base64. */
  file?: { name: string; text?: string; base64?: string; fields?: Record<string, string> };
  /** Instead of JSON: a text that is sent as it is, and its media type. */
  plain?: { type: string; text: string };
  status: number;
  /** The body of a good answer. */
  reply?: unknown;
  /** What it is refused with instead. */
  refusal?: Refusal;
}

/** The examples of one operation, under names that are unique there. */
export type RouteExamples = Readonly<Record<string, RouteExample>>;

/** One request frame with its reply. */
export type FrameExample<T extends RequestType = RequestType> = { summary: string; by?: Person } & (
  | { fields: RequestFields<T>; reply: ReplyFields<T> }
  | { fields: object; refusal: Refusal }
);

export type FrameExamples<T extends RequestType = RequestType> = Readonly<Record<string, FrameExample<T>>>;
