import type { DialectName } from './dialect.ts';

/** Who connects. */
export interface ClientSpec {
  user: string;
  /** For servers that ask for one. */
  token?: string;
  /** Where the server does not know it by itself: whose messages come. */
  rooms: string[];
}

/** Client number `client` of this worker writes to this room. */
export interface Sender {
  client: number;
  room: string;
}

export type Pattern =
  /** Each sender keeps so many messages without an ack. What the server can take at most. */
  | { inFlight: number }
  /** Messages per second of this worker, in bursts of so many by one sender, whatever the server does. */
  | { rate: number; burst: number };

/** What the bench asks of a worker; every job is answered once, in order. */
export type Job =
  /** Answered with milliseconds until each was ready (and synced), from the beginning of the job. */
  | {
      do: 'connect';
      port: number;
      dialect: DialectName;
      clients: ClientSpec[];
      /** How many may be on their way at once. */
      atOnce: number;
      sync: boolean;
    }
  | { do: 'load'; senders: Sender[]; pattern: Pattern; textBytes: number; acks: boolean; trace: boolean }
  /** Counts and times from here on. */
  | { do: 'mark' }
  | { do: 'read' }
  /** Sends no more, and waits for what is on its way, 5 s at most. */
  | { do: 'halt' }
  | { do: 'close' };

export interface Counts {
  /** Microseconds of the one clock of this machine. */
  at: number;
  sent: number;
  acked: number;
  refused: number;
  delivered: number;
  /** Sockets that the server has ended. */
  lost: number;
  /** HdrHistograms of microseconds, packed: from the time a message was due. */
  ack: string;
  deliver: string;
  /** Only of a load that is traced. */
  answers: Answered[];
}

/** One message that was answered; times in microseconds of the one clock. */
export interface Answered {
  room: string;
  dueUs: number;
  atUs: number;
  /** False: it was refused. */
  acked: boolean;
}

export interface Connected {
  /** HdrHistogram of microseconds, packed. */
  ready: string;
  failed: number;
}

export type Answer = { counts: Counts } | { connected: Connected } | { done: true } | { error: string };
