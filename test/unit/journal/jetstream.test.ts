import { expect } from 'chai';
import { appendFault } from '../../../actors/journal/jetstream-faults.ts';
import { createSentIds } from '../../../actors/journal/jetstream-ids.ts';

describe('what JetStream answers to an append', () => {
  const cases: [code: number, err: number, description: string, fault: string][] = [
    [400, 10071, 'wrong last sequence: 3', 'refused'],
    [400, 10164, 'wrong last sequence', 'refused'],
    [400, 10054, 'message size exceeds maximum allowed', 'refused'],
    [503, 10077, 'maximum bytes exceeded', 'full'],
    [503, 10077, 'maximum messages per subject exceeded', 'full'],
    [503, 10077, 'write error: input/output error', 'in_doubt'],
    [500, 10047, 'insufficient storage resources available', 'full'],
    [503, 10023, 'insufficient resources', 'full'],
    [409, 10158, 'duplicate message id is in process', 'in_doubt'],
    [503, 10163, 'expected last sequence per subject temporarily unavailable', 'in_doubt'],
    [503, 10008, 'JetStream system temporarily unavailable', 'in_doubt'],
    [500, 0, 'what no version says yet', 'in_doubt'],
  ];
  for (const [code, err_code, description, fault] of cases)
    it(`is ${fault} for ${err_code}, ${description}`, () => {
      expect(appendFault({ code, err_code, description })).to.equal(fault);
    });
});

describe('the id of a repeated append', () => {
  it('stays while it was in doubt: it may still land', () => {
    const ids = createSentIds();
    ids.ended(1, 'a', 'in_doubt');
    expect(ids.sent(1, 'a')).to.equal('1/a');
    ids.ended(1, 'a', 'full');
    ids.ended(1, 'a', 'refused');
    expect(ids.sent(1, 'a')).to.equal('1/a');
  });

  it('is another one after a refusal, and stays that one once it is in doubt', () => {
    const ids = createSentIds();
    ids.ended(1, 'a', 'full');
    expect(ids.sent(1, 'a')).to.equal('1/a/1');
    ids.ended(1, 'a', 'full');
    expect(ids.sent(1, 'a')).to.equal('1/a/2');
    ids.ended(1, 'a', 'in_doubt');
    ids.ended(1, 'a', 'full');
    expect(ids.sent(1, 'a')).to.equal('1/a/2');
  });

  it('is its own in each shard, and for each append', () => {
    const ids = createSentIds();
    ids.ended(1, 'a', 'full');
    expect([ids.sent(2, 'a'), ids.sent(1, 'b')]).to.deep.equal(['2/a', '1/b']);
    ids.kept(1);
    expect(ids.sent(1, 'a')).to.equal('1/a');
  });
});
