import type { Fault } from './fault.ts';
import { faults } from './faults.ts';

/** A mistake that the fault suite must catch, or it proves nothing. */
export interface SeededBug {
  /** In every process: these texts of these files become others. */
  edits: readonly { file: string; find: string; put: string }[];
  /** What brings it to light, and what is then said. */
  plan: readonly Fault[][];
  shows: RegExp;
  /** Settings that it needs. */
  env?: Record<string, string>;
}

export const seededBugs: Record<string, SeededBug> = {
  'no fence': {
    edits: [
      {
        file: 'actors/journal/jetstream-api.ts',
        find: 'Nats-Expected-Last-Subject-Sequence: ',
        // Nodes that start at different moments race for their first claims: unfenced, no chat might ever be made.
        put: '\x24{mistaken() ? "Nothing" : "Nats"}-Expected-Last-Subject-Sequence: ',
      },
    ],
    plan: [[faults.actorsDumb]],
    shows: /promise/,
  },
  'ack before commit': {
    edits: [
      {
        file: 'actors/runtime/gate.ts',
        find: 'if (!this.#parts.appender.attach(batch, output)) this.#passed(batch, output);',
        put: 'this.#passed(batch, output);',
      },
    ],
    plan: [[faults.actorsKilledMidway]],
    shows: /promise 1/,
  },
  'no checkpoint guard': {
    edits: [
      {
        file: 'actors/runtime/flusher.ts',
        find: 'if (done === undefined) written.stale.set(shard, row);',
        put: 'if (done === undefined) ahead.set(shard, 0);',
      },
      // It looks at the same rows now and then, and may be the first to see whose they are.
      {
        file: 'actors/runtime/checkpoint-watch.ts',
        find: 'if (behind || row.epoch !== shard.epoch) shard.lose(notOurs(shard, row));',
        put: 'if (behind && row === undefined) shard.lose(notOurs(shard, row));',
      },
    ],
    plan: [[{ ...faults.zombieFlusher, run: (...args) => zombieAtTheEnd(...args) }]],
    shows: /promise 8/,
  },
  'trimmed before it is flushed': {
    edits: [
      {
        file: 'actors/runtime/trimmer.ts',
        find: 'await shard.journal.trim(shard.number, position);',
        // Where shards move in the beginning, a gap would keep them from everybody for good.
        put: 'await shard.journal.trim(shard.number, mistaken() ? Number.MAX_SAFE_INTEGER : position);',
      },
      // Also while PostgreSQL is away: otherwise there is but the moment until it has everything again.
      {
        file: 'actors/runtime/trimmer.ts',
        find: 'await this.#look();\n    } catch {',
        put: '} catch {',
      },
    ],
    env: { SUHBAT_JOURNAL_KEEP: '0' },
    plan: [[faults.postgresAway5]],
    shows: /promise 7: .* trimmed/,
  },
  'a lost frame without a resync': {
    edits: [
      {
        file: 'actors/runtime/beacons.ts',
        find: 'for (const subject of subjects) bus.publish(subject, envelope);',
        put: '',
      },
    ],
    plan: [[{ ...faults.silence, run: (...args) => silenceAtTheEnd(...args) }]],
    shows: /promise 4/,
  },
};

/** Nobody writes afterwards: what the fault left stays to be seen. */
const zombieAtTheEnd: Fault['run'] = (stage, random, town) =>
  faults.zombieFlusher.run(stage, random, { ...town, write() {} });
const silenceAtTheEnd: Fault['run'] = (stage, random, town) =>
  faults.silence.run(stage, random, { ...town, write() {} });
