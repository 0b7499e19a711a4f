import type { DialectName } from '../driver/dialect.ts';

export interface Person {
  id: string;
  /** For servers that ask for one. */
  token?: string;
}

/** A server under test: Suhbat or a peer. They all know people and chats, and get the same work. */
export interface Subject {
  readonly name: string;
  readonly dialect: DialectName;
  readonly port: number;
  readonly pid: number;
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
