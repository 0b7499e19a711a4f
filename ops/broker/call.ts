/** Calls to services, as gateways and services see them: Moleculer stands behind it. */
export type Call = <Reply>(action: string, params: object, meta: CallMeta) => Promise<Reply>;

/** What travels beside the parameters of every call. A service trusts these and nothing in the parameters. */
export interface CallMeta {
  request_id: string;
  /** The trace that the request belongs to, as a W3C `traceparent` of version 00; absent where it came without one. */
  trace?: string;
  /** The authenticated caller; absent on open routes. */
  user_id?: string;
  login_id?: string;
  /** Milliseconds left for the whole request. */
  budget_ms?: number;
  /** For the list of logins; never logged. */
  ip?: string;
  device?: string;
}
