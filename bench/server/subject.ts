import type { DialectName } from '../driver/dialect.ts';

export interface Person {
  id: string;
  /** For servers that ask for one. */
  token?: string;
}

/** Processes by what they do. */
export type ByRole = Readonly<Record<string, readonly number[]>>;

/** A server under test: Suhbat or a peer. They all know people and chats, and get the same work. */
export interface Subject {
  readonly name: string;
  readonly dialect: DialectName;
  readonly port: number;
  readonly pid: number;
  /** Where several processes are the server: all that clients can come to, and all whose CPU is the server's, by role. */
  readonly ports?: readonly number[];
  readonly pids?: ByRole;
  /** Servers that it needs besides, and processes that no message passes. */
  readonly beside?: ByRole;
  /** Does it answer a message when it has taken it? */
  readonly acks: boolean;
  /** The PostgreSQL behind it. */
  readonly databasePid?: number;
  /** Begins a CPU profile, or ends it; where one is wanted. */
  profile?(): void;
  people(count: number): Promise<Person[]>;
  /** The ids of new chats of these members each. */
  chats(members: readonly (readonly Person[])[]): Promise<string[]>;
  stop(): Promise<void>;
}
