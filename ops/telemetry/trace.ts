/** Traces as W3C Trace Context (https://www.w3.org/TR/trace-context/) has them. Suhbat begins none and exports none. */

/** Version, trace id, parent id and flags, of which zeros alone are no id; later versions may bring more fields. */
const traceparent =
  /^(?!ff)([0-9a-f]{2})-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]([0-9a-f])(-.*)?$/;
/** Characters of version 00, and of what every later version begins with. */
const length = 55;

/**
 * What a `traceparent` header says, as version 00 (55 characters); undefined where it is not valid. Of a later version,
 * as recommended, those fields are read that 00 has too, and of its flags the one that 00 knows.
 */
export function traceOf(header: string): string | undefined {
  if (header.length < length) return undefined;
  const [, version, flags = '', more] = traceparent.exec(header) ?? [];
  if (version === undefined) return undefined;
  if (version === '00') return more === undefined ? header : undefined;
  const sampled = Number.parseInt(flags, 16) & 1;
  return `00${header.slice(2, length - 2)}0${sampled}`;
}

/** What stands in a log line beside `request_id`: 32 digits. `trace`: as `traceOf` gives it. */
export function traceIdOf(trace: string): string {
  return trace.slice(3, 35);
}

/** How log lines name a request. */
export function requestFields({ request_id, trace }: { request_id: string; trace?: string }): {
  request_id: string;
  trace_id?: string;
} {
  // Of a joined call it is what somebody sent over NATS.
  return typeof trace === 'string' ? { request_id, trace_id: traceIdOf(trace) } : { request_id };
}
