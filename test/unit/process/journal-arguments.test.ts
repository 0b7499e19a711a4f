import { expect } from 'chai';
import { readArguments } from '../../../ops/journal/arguments.ts';

describe('npm run journal', () => {
  const read = (line: string) => readArguments(line.split(' ').filter(Boolean), 64);

  it('takes status, and adopt with shards or all of them', () => {
    expect(read('status')).to.deep.equal({ command: 'status' });
    expect(read('adopt 7 9 7')).to.deep.equal({ command: 'adopt', shards: [7, 9], yes: false });
    expect(read('adopt 63 --yes')).to.deep.equal({ command: 'adopt', shards: [63], yes: true });
    expect(read('adopt --all --yes'))
      .to.deep.include({ yes: true })
      .and.have.property('shards')
      .with.length(64);
    expect(read('')).to.deep.equal({ command: 'help' });
    expect(read('adopt --help')).to.deep.equal({ command: 'help' });
  });

  for (const line of [
    'adopt',
    'adopt --yes',
    'adopt 64',
    'adopt -1',
    'adopt 1 --all',
    'adopt 1 --force',
    'status 1',
    'adpot 1',
  ])
    it(`refuses ${line}, and does nothing`, () => {
      expect(() => read(line))
        .to.throw(Error)
        .with.property('name', 'StartError');
    });
});
