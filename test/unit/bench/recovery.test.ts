import { expect } from 'chai';
import type { Answered } from '../../../bench/driver/jobs.ts';
import { ms } from '../../../bench/measure.ts';
import { recoveryOf } from '../../../bench/scenarios/recovery.ts';

const second = 1_000_000;
const fault = 10 * second;

/** A message of a chat, due so many milliseconds after the fault, answered so many milliseconds later. */
function answered(room: string, dueMs: number, tookMs: number, acked = true): Answered {
  const dueUs = fault + dueMs * 1000;
  return { room, dueUs, atUs: dueUs + tookMs * 1000, acked };
}

describe('the recovery that the bench tells of', () => {
  it('ends with the first ack of the chat that is last, of a message from after the fault', () => {
    const found = recoveryOf(
      [
        // On its way when the fault came: no sign of life.
        answered('a', -5, 20),
        answered('a', 100, 2000),
        answered('b', 100, 50, false),
        answered('b', 1000, 2500),
        answered('b', 1050, 2460),
        answered('other', 200, 9),
      ],
      fault,
      ['a', 'b'],
    );
    expect(found).to.include({ firstMs: 2100, allMs: 3500, refused: 1, othersRefused: 0 });
  });

  it('never ends while one chat has had no ack', () => {
    const found = recoveryOf([answered('a', 100, 2000), answered('b', 100, 50, false)], fault, ['a', 'b']);
    expect(found.allMs).to.equal(Number.POSITIVE_INFINITY);
  });

  it('times the other chats apart: before it, and until all were back', () => {
    const found = recoveryOf(
      [
        answered('a', 0, 1000),
        answered('other', -300, 4),
        answered('other', 300, 80),
        answered('other', 400, 7, false),
        // When all was well again.
        answered('other', 1500, 900),
      ],
      fault,
      ['a'],
    );
    expect(found.othersRefused).to.equal(1);
    expect([found.othersBefore.totalCount, found.others.totalCount]).to.deep.equal([1, 1]);
    expect([ms(found.othersBefore, 99), ms(found.others, 99)]).to.deep.equal([4, 80.06]);
  });
});
