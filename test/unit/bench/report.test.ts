import { expect } from 'chai';
import { median, round } from '../../../bench/measure.ts';
import { readOptions } from '../../../bench/options.ts';
import { chartOf } from '../../../bench/report/chart.ts';
import { printed, written } from '../../../bench/report/table.ts';
import { type Row, reached, type Verdict } from '../../../bench/scenario.ts';

const rows: Row[] = [
  { case: 'small', subject: 'suhbat', figures: { 'p99 ms': 1.5 } },
  { case: 'big <&>', subject: 'ws', figures: { 'p99 ms': 1200, 'KB each': 2 } },
];
const verdict: Verdict = { what: 'p99', value: 30, unit: 'ms', bar: { max: 25 } };

describe('a report of the bench', () => {
  it('calls a bar reached at its value, on its side', () => {
    expect(reached({ ...verdict, value: 25 })).to.equal(true);
    expect(reached(verdict)).to.equal(false);
    expect(reached({ ...verdict, bar: { min: 30 } })).to.equal(true);
    expect(reached({ ...verdict, value: Number.NaN })).to.equal(false);
  });

  it('has a column for every figure, and a dash where a row has none', () => {
    expect(written(rows, [verdict]).split('\n')).to.deep.equal([
      '| case | subject | p99 ms | KB each |',
      '| --- | --- | --- | --- |',
      '| small | suhbat | 1.5 | – |',
      '| big <&> | ws | 1,200 | 2 |',
      '',
      '| what | measured | bar |  |',
      '| --- | --- | --- | --- |',
      '| p99 | 30 ms | ≤ 25 ms | missed |',
    ]);
    expect(printed(rows, [])).to.include('small    suhbat   1.5     –');
  });

  it('draws a bar for each row that has the figure, with what must be escaped escaped', () => {
    const svg = chartOf({ title: 'Times', figure: 'p99 ms' }, rows, 'here');
    expect(svg.match(/<rect /g)).to.have.length(2);
    expect(svg).to.include('big &lt;&amp;>');
    expect(chartOf({ title: 'Sizes', figure: 'KB each' }, rows, 'here').match(/<rect /g)).to.have.length(1);
  });

  it('takes the middle', () => {
    expect([median([3, 1, 2]), median([4, 1, 2, 3]), round(1.256, 2)]).to.deep.equal([2, 2.5, 1.26]);
  });

  it('refuses scenarios and numbers that there are not, by name', () => {
    expect(() => readOptions(['fanuot'], ['fanout'])).to.throw('There is no scenario "fanuot", but: fanout.');
    expect(() => readOptions(['--rounds', '0'], [])).to.throw(
      '--rounds takes a number from 1 to 100, not "0".',
    );
    expect(readOptions(['fanout', '--short'], ['fanout'])).to.include({ short: true, rounds: 3 });
  });
});
