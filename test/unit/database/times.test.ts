import { expect } from 'chai';
import { isoTime } from '../../../ops/connections/postgres-types.ts';

describe('times from PostgreSQL', () => {
  const cases = [
    ['2026-01-31 10:00:00+00', '2026-01-31T10:00:00.000Z'],
    ['2026-01-31 10:00:00.5+00', '2026-01-31T10:00:00.500Z'],
    ['2026-01-31 10:00:00.123456+00', '2026-01-31T10:00:00.123Z'],
    ['2026-01-31 10:00:00.5+05', '2026-01-31T05:00:00.500Z'],
    ['2026-01-31 10:00:00.5+05:30', '2026-01-31T04:30:00.500Z'],
    ['infinity', 'infinity'],
  ] as const;
  for (const [text, iso] of cases) {
    it(`${text} reads ${iso}`, () => expect(isoTime(text)).to.equal(iso));
  }
});
