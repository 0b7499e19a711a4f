import type { ActorKind, Decision } from '../../actors/runtime/kind.ts';
import { fail } from '../../schemas/errors.ts';
import type { MemoryTx } from './memory-flush-store.ts';
import { PoisonError } from './memory-flush-store.ts';

/** The smallest kind that uses everything of the runtime: a numbered list of entries, kept once by key. */
export interface LedgerState {
  head: number;
  /** Entries that may not be flushed yet, and those that were fetched. */
  known: Map<string, number>;
  unflushed: number;
  looked: Set<string>;
  marked: number;
}

export type LedgerCommand =
  | { type: 'put'; by: string; key: string; stored?: boolean; lookup?: boolean }
  | { type: 'head' }
  | { type: 'mark'; at: number }
  | { type: 'refuse' }
  | { type: 'throw' };

export interface LedgerEvent {
  seq: number;
  key: string;
}

/** What the ledger's table holds: rows by actor, and the last mark. */
export class LedgerTable {
  readonly rows = new Map<string, Map<number, string>>();
  readonly marks = new Map<string, number>();
  readonly buried: string[] = [];
  loads = 0;
  projections = 0;

  of(id: string): Map<number, string> {
    const rows = this.rows.get(id) ?? new Map<number, string>();
    this.rows.set(id, rows);
    return rows;
  }
}

export interface LedgerOptions {
  step?(statement: string): Promise<void>;
}

export function ledgerKind(
  table: LedgerTable,
  { step = async () => {} }: LedgerOptions = {},
): ActorKind<LedgerState, LedgerCommand, LedgerEvent, number, MemoryTx> {
  return {
    name: 'ledger',
    journaled: true,

    async load(id) {
      await step('load');
      table.loads++;
      const rows = table.of(id);
      return {
        head: Math.max(0, ...rows.keys()),
        known: new Map([...rows].map(([seq, key]) => [key, seq])),
        unflushed: 0,
        looked: new Set(),
        marked: table.marks.get(id) ?? 0,
      };
    },

    keys: (command) => (command.type === 'put' ? [`by ${command.by}`, `key ${command.key}`] : []),

    needs(state, command) {
      if (
        command.type !== 'put' ||
        !command.lookup ||
        state.known.has(command.key) ||
        state.looked.has(command.key)
      )
        return undefined;
      return async () => {
        await step('fetch');
        if (command.key === 'unreadable') throw fail('unavailable', { reason: 'unreadable' });
        return (to) => void to.looked.add(command.key);
      };
    },

    decide(state, command): Decision<LedgerEvent, number> {
      switch (command.type) {
        case 'head':
          return { reply: { head: state.head, marked: state.marked } };
        case 'mark':
          return { reply: { marked: command.at }, marks: [command.at] };
        case 'refuse':
          return { refuse: { code: 'forbidden', reason: `at ${state.head}` } };
        case 'throw':
          throw new Error('a bug in decide');
        case 'put': {
          const known = state.known.get(command.key);
          if (known !== undefined)
            return { reply: { seq: known }, gate: command.stored ? 'stored' : 'journaled' };
          const seq = state.head + 1;
          return {
            reply: { seq },
            events: [{ seq, key: command.key }],
            gate: command.stored ? 'stored' : 'journaled',
          };
        }
      }
    },

    evolve(state, event) {
      if (event.key === 'unevolvable') throw new Error('a bug in evolve');
      state.head = event.seq;
      state.known.set(event.key, event.seq);
      state.unflushed++;
      return state;
    },

    frames(id, event) {
      const frame = JSON.stringify(event);
      return [
        { subject: `ledger.${id}`, envelope: { frame } },
        { subject: `stored.${id}`, envelope: { frame }, after: 'flushed' },
      ];
    },

    markKey: () => 'marked',

    async project(tx, { events, marks }) {
      await step('project');
      table.projections++;
      if (events.some(({ event }) => event.key.startsWith('poison')))
        throw new PoisonError('refused by the table');
      tx.later(() => {
        for (const { id, event } of events) table.of(id).set(event.seq, event.key);
        for (const { id, mark } of marks) table.marks.set(id, mark);
      });
    },

    async bury(tx, id, event) {
      tx.later(() => {
        table.of(id).set(event.seq, 'buried');
        table.buried.push(event.key);
      });
      return !event.key.includes('freezes');
    },

    flushed: (state, events) => {
      state.unflushed -= events.length;
    },
    idle: (state) => state.unflushed === 0,
  };
}
