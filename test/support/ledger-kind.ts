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
  woken: number;
}

/** `unkeyable`, `unneedable` and the like are bugs that a kind may have. */
export type LedgerCommand =
  | { type: 'put'; by: string; key: string; stored?: boolean; lookup?: boolean }
  | { type: 'head' }
  | { type: 'mark'; at: number }
  | { type: 'refuse' }
  | { type: 'throw' }
  /** Several entries in one turn. */
  | { type: 'puts'; by: string; keys: string[] }
  /** A frame that no event carries. */
  | { type: 'tell'; by: string; lookup?: boolean }
  /** A refusal that is thrown. */
  | { type: 'deny' }
  | { type: 'alarm'; at: number }
  | { type: 'wake' }
  | { type: 'woken' }
  | { type: 'unkeyable' }
  | { type: 'unneedable' };

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
        woken: 0,
      };
    },

    keys(command) {
      if (command.type === 'unkeyable') throw new Error('a bug in keys');
      if (command.type === 'tell') return [`by ${command.by}`];
      return command.type === 'put' ? [`by ${command.by}`, `key ${command.key}`] : [];
    },

    needs(state, command) {
      if (command.type === 'unneedable') throw new Error('a bug in needs');
      if (command.type === 'tell' && command.lookup && !state.looked.has('tell'))
        return async () => {
          await step('fetch');
          return (to) => void to.looked.add('tell');
        };
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
        case 'deny':
          throw fail('forbidden', { reason: `at ${state.head}` });
        case 'puts':
          return {
            reply: { seq: state.head + command.keys.length },
            events: command.keys.map((key, index) => ({ seq: state.head + index + 1, key })),
          };
        case 'tell':
          return { reply: {}, frames: [{ subject: 'told', envelope: { frame: `{"seq":${state.head}}` } }] };
        case 'alarm':
          return { reply: {}, wake_at: command.at };
        case 'wake':
          state.woken++;
          return { reply: {} };
        case 'woken':
          return { reply: { woken: state.woken } };
        case 'unkeyable':
        case 'unneedable':
          return { reply: {} };
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
      if (event.key === 'unframeable') throw new Error('a bug in frames');
      const frame = JSON.stringify(event);
      return [
        { subject: `ledger.${id}`, envelope: { frame, chat: { id, seq: event.seq, member_seq: 0 } } },
        { subject: `stored.${id}`, envelope: { frame }, after: 'flushed' },
      ];
    },

    markKey: () => 'marked',

    async project(tx, { events, marks }) {
      await step('project');
      table.projections++;
      if (events.some(({ event }) => event.key.startsWith('poison')) || marks.some(({ mark }) => mark < 0))
        throw new PoisonError('refused by the table');
      tx.later(() => {
        for (const { id, event } of events) table.of(id).set(event.seq, event.key);
        // Like a member's row: a mark finds nothing where its actor has no entries yet.
        for (const { id, mark } of marks) if (table.of(id).size > 0) table.marks.set(id, mark);
      });
    },

    async bury(tx, id, event) {
      if (event.key.includes('unburiable')) throw new PoisonError('refused again');
      tx.later(() => {
        table.of(id).set(event.seq, 'buried');
        table.buried.push(event.key);
      });
      return !event.key.includes('freezes');
    },

    flushed: (state, events) => {
      if (events.some(({ key }) => key === 'unflushable')) throw new Error('a bug in flushed');
      state.unflushed -= events.length;
    },
    idle: (state) => state.unflushed === 0,
  };
}
