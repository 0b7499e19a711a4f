import type { Config } from './load.ts';

/** How much may pass: `amount` in `perMs` milliseconds, at most `burst` at once. */
export interface Rate {
  amount: number;
  perMs: number;
  burst: number;
}

export interface Rates {
  authPerAddress: Rate;
  authPerIp: Rate;
  /** Messages of one login, over REST and sockets together, on each gateway for itself. */
  messages: Rate;
  /** Requests of one connection. */
  frames: Rate;
  /** Other REST calls of one user. */
  calls: Rate;
  /** Open sockets from one IP address, on each gateway for itself. */
  socketsPerIp: number;
}

/** Codes that are mailed in one hour. */
export interface CodeRates {
  perAddress: number;
  perIp: number;
  all: number;
}

/** The rate limits as they hold: every one multiplied by SUHBAT_RATE_LIMIT_FACTOR. */
export function ratesOf(config: Config): Rates {
  const scaled = (limit: number) => Math.max(1, Math.round(limit * config.rateLimitFactor));
  const rate = (limit: number, perMs: number, bursts = 1): Rate => {
    const amount = scaled(limit);
    return { amount, perMs, burst: amount * bursts };
  };
  return {
    authPerAddress: rate(config.limitAuthPerAddress, 60_000),
    authPerIp: rate(config.limitAuthPerIp, 60_000),
    messages: rate(config.limitMessages, 1000, 2),
    frames: rate(config.limitFrames, 1000, 2),
    calls: rate(config.limitCalls, 60_000),
    socketsPerIp: scaled(config.limitSocketsPerIp),
  };
}

/** The same factor holds for codes. */
export function codeRatesOf(config: Config): CodeRates {
  const scaled = (limit: number) => Math.max(1, Math.round(limit * config.rateLimitFactor));
  return {
    perAddress: scaled(config.limitCodesPerAddress),
    perIp: scaled(config.limitCodesPerIp),
    all: scaled(config.limitCodes),
  };
}
