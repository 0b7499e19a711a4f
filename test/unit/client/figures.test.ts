import { expect } from 'chai';
import { createFigures, difference, type Figures } from '../../cluster/figures.ts';

describe('the figures of a run', () => {
  let time: number;
  let figures: Figures;
  beforeEach(() => {
    time = 1000;
    figures = createFigures(() => time);
  });
  afterEach(() => figures.stop());

  it('count what clients asked, were told and received', () => {
    for (const chat of ['a', 'b', 'b', 'c']) figures.begun(chat, time);
    const before = figures.counts();
    figures.ended('a', 'ok', 1010, 1000);
    figures.ended('b', 'fail', 1020, 1000);
    figures.ended('b', 'unknown', 1030, 1000);
    figures.received();
    const now = { sends: 4, acks: 1, refused: 1, unknown: 1, deliveries: 1 };
    expect(figures.counts()).to.deep.equal(now);
    expect(difference(figures.counts(), before)).to.deep.equal({ ...now, sends: 0 });
  });

  it('call a chat unavailable from its first open send, or its last ack, to its next ack', () => {
    figures.begun('a', 1000);
    figures.begun('a', 1100);
    figures.ended('a', 'ok', 1200, 1000);
    expect(figures.peaks().unavailable).to.equal(200);
    figures.ended('a', 'fail', 1450, 1100);
    figures.begun('a', 9000);
    figures.ended('a', 'ok', 9010, 9000);
    time = 9010;
    expect(figures.peaks().unavailable).to.equal(200);
  });

  it('count one that still waits up to now, and only since they were reset', () => {
    figures.begun('a', 1000);
    time = 4000;
    expect(figures.peaks().unavailable).to.equal(3000);
    figures.reset();
    time = 4500;
    expect(figures.peaks().unavailable).to.equal(500);
    figures.ended('a', 'ok', 4700, 1000);
    expect(figures.peaks()).to.include({ unavailable: 700, slowest: 0 });
    figures.begun('a', 4700);
    figures.ended('a', 'ok', 4800, 4700);
    expect(figures.peaks().slowest).to.equal(100);
  });

  it('give the shares of all acks', () => {
    for (let n = 1; n <= 200; n++) {
      figures.begun('a', 0);
      figures.ended('a', 'ok', n, 0);
    }
    expect(figures.acks()).to.deep.equal({ p50: 101, p99: 199, max: 200 });
  });
});
