/** What browsers are told about pages of other origins (api.md "CORS"): no credentials, an allowlist. */
const allowedHeaders =
  'Authorization, Content-Type, Idempotency-Key, If-Match, X-Request-Id, Range, apikey, x-client-info, x-supabase-api-version';
const exposedHeaders = 'X-Request-Id, Retry-After, RateLimit, RateLimit-Policy, ETag, Location';
const preflightSeconds = '600';

/** Headers of every answer to a page of an allowed origin. */
export function corsHeaders(origin: string): [string, string][] {
  return [
    ['Access-Control-Allow-Origin', origin],
    ['Access-Control-Expose-Headers', exposedHeaders],
    ['Vary', 'Origin'],
  ];
}

/** More headers, of the answer to OPTIONS. `allow`: the methods that the path takes. */
export function preflightHeaders(allow: string): Record<string, string> {
  return {
    Allow: allow,
    'Access-Control-Allow-Methods': allow,
    'Access-Control-Allow-Headers': allowedHeaders,
    'Access-Control-Max-Age': preflightSeconds,
  };
}
