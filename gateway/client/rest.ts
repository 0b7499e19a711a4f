import { type ErrorCode, errorCatalogue, type FieldError } from '../../schemas/errors.ts';
import { createBackoff } from './backoff.ts';
import { asClientError, ClientError } from './client-error.ts';
import { defaultPlatform, type Platform } from './platform.ts';

/** The few REST calls that come before a socket: accounts and tokens. */

/** What register, login and refresh answer. Times in seconds. */
export interface TokensAnswer {
  access_token: string;
  token_type: string;
  expires_in: number;
  refresh_token: string;
  refresh_expires_in: number;
  user: { id: string; username: string; [field: string]: unknown };
}

export interface RegisterFields {
  email: string;
  username: string;
  password: string;
  first_name?: string;
  last_name?: string;
}

export interface LoginFields {
  /** A username or an address. */
  login: string;
  password: string;
}

export interface RestOptions {
  platform?: Partial<Platform>;
  timeoutMs?: number;
  /** Of the mails that a call brings about: `en` or `uz`. Default: what the platform asks for by itself. */
  language?: string;
}

/** Makes an account. Rejects with a ClientError: `conflict` (`username_taken`), `invalid`, `rate_limited` … */
export function register(url: string, fields: RegisterFields, options?: RestOptions): Promise<TokensAnswer> {
  return createRest(url, options).post('/api/v1/auth/register', fields);
}

/** Makes a login. Rejects with a ClientError: `unauthenticated`, `rate_limited` … */
export function login(url: string, fields: LoginFields, options?: RestOptions): Promise<TokensAnswer> {
  return createRest(url, options).post('/api/v1/auth/login', fields);
}

/** New tokens for a refresh token, which works once. Connected clients do this by themselves. */
export function refresh(url: string, refreshToken: string, options?: RestOptions): Promise<TokensAnswer> {
  return createRest(url, options).post('/api/v1/auth/refresh', { refresh_token: refreshToken });
}

/** One call. An object goes as JSON, a form as it is. */
export interface RestCall {
  method: string;
  path: string;
  body?: object | FormData;
  headers?: Record<string, string>;
  /** Where it may take longer than others. */
  timeoutMs?: number;
}

/** An answer without a body is undefined. `tag` names its version, where it has one (`ETag`). */
export interface RestAnswer<T> {
  body: T;
  tag: string | undefined;
}

/**
 * What only reads (GET) is asked again, for some seconds, where nobody serves it or its connection ended before the
 * answer: its server is being replaced. What changes something is not: whether it was done is unknown.
 */
export interface Rest {
  /** Rejects with a ClientError; `timeout` means that the outcome is unknown. */
  post<T>(path: string, body: object): Promise<T>;
  /** The same, as the user of an access token. */
  as<T>(token: string, call: RestCall): Promise<RestAnswer<T>>;
  /** Ends the calls that are under way. */
  close(): void;
}

const repeatsMs = 5000;
const pauses = { backoffBaseMs: 250, backoffMaxMs: 2000 };

export function createRest(url: string, options: RestOptions = {}): Rest {
  const { timeoutMs: usualMs = 10_000, language } = options;
  const platform = { ...defaultPlatform, ...options.platform };
  const open = new Set<AbortController>();
  /** Ends of waits. */
  const waits = new Set<() => void>();
  let closed = false;

  async function insist<T>(call: RestCall): Promise<RestAnswer<T>> {
    const backoff = createBackoff(platform, pauses);
    let failedAt: number | undefined;
    for (;;) {
      try {
        return await send<T>(call);
      } catch (thrown) {
        const error = asClientError(thrown);
        const ms = Math.max(error.retry_after_ms ?? 0, pauses.backoffBaseMs / 2 + backoff.next());
        const now = platform.monotonic();
        // Counted from the first failure: a gateway waits for somebody to serve a call before it gives up.
        failedAt ??= now;
        if (call.method !== 'GET' || !passes(error) || now + ms > failedAt + repeatsMs) throw error;
        await wait(ms);
        if (closed) throw error;
      }
    }
  }

  function wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        cancel();
        waits.delete(end);
        resolve();
      };
      const cancel = platform.after(ms, end);
      waits.add(end);
    });
  }

  async function send<T>(call: RestCall): Promise<RestAnswer<T>> {
    const { method, path, body, timeoutMs = usualMs } = call;
    const isForm = body instanceof FormData;
    const headers = {
      ...(body !== undefined && !isForm && { 'content-type': 'application/json' }),
      ...(language !== undefined && { 'accept-language': language }),
      ...call.headers,
    };
    const abort = new AbortController();
    open.add(abort);
    const cancel = platform.after(timeoutMs, () => abort.abort());
    try {
      const response = await platform.fetch(baseOf(url) + path, {
        method,
        headers,
        ...(body !== undefined && { body: isForm ? body : JSON.stringify(body) }),
        signal: abort.signal,
      });
      const text = await response.text();
      if (!response.ok) throw errorOf(response, text);
      const tag = response.headers.get('etag') ?? undefined;
      return { body: (text === '' ? undefined : JSON.parse(text)) as T, tag };
    } catch (error) {
      if (error instanceof ClientError) throw error;
      const reason = abort.signal.aborted ? 'no_answer' : 'network';
      throw new ClientError({ code: 'timeout', reason, cause: error });
    } finally {
      cancel();
      open.delete(abort);
    }
  }

  return {
    post: async <T>(path: string, body: object) => (await send<T>({ method: 'POST', path, body })).body,
    as: (token, call) => insist({ ...call, headers: { ...call.headers, authorization: `Bearer ${token}` } }),
    close() {
      closed = true;
      for (const abort of open) abort.abort();
      for (const end of [...waits]) end();
    },
  };
}

/** `https://host/prefix` without a slash at the end. Throws a TypeError when it is no http(s) URL. */
export function baseOf(url: string): string {
  const { protocol, origin, pathname } = new URL(url);
  if (!/^https?:$/.test(protocol)) throw new TypeError(`${url} is not an http or https URL`);
  return origin + pathname.replace(/\/+$/, '');
}

/** The next server may answer. A proxy gives no reason. */
function passes({ code, reason }: ClientError): boolean {
  if (code === 'timeout') return reason === 'network';
  return code === 'unavailable' && (reason === undefined || reason === 'no_service');
}

interface Problem {
  code?: unknown;
  reason?: unknown;
  detail?: unknown;
  errors?: unknown;
}

/** Problem+json as an error; anything else (a proxy's page) by its status. */
function errorOf(response: Response, text: string): ClientError {
  let problem: Problem = {};
  try {
    problem = (JSON.parse(text) as Problem | null) ?? {};
  } catch {
    // Not JSON: the status says enough.
  }
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  const { code, reason, detail, errors } = problem;
  return new ClientError({
    code: typeof code === 'string' ? code : codeOf(response.status),
    reason: typeof reason === 'string' ? reason : undefined,
    detail: typeof detail === 'string' ? detail : undefined,
    errors: Array.isArray(errors) ? (errors as FieldError[]) : undefined,
    retry_after_ms: Number.isFinite(seconds) ? seconds * 1000 : undefined,
  });
}

function codeOf(status: number): ErrorCode {
  if (status === 502 || status === 503) return 'unavailable';
  const row = Object.entries(errorCatalogue).find(([, known]) => known.status === status);
  if (row !== undefined) return row[0] as ErrorCode;
  return status >= 500 ? 'internal' : 'invalid';
}
