import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { hottest } from '../../../bench/report/profile.ts';

/** All of its time in one function of that name. */
function cpuProfile(functionName: string, us: number): string {
  return JSON.stringify({
    nodes: [{ id: 1, callFrame: { functionName, url: 'file:///root/actors/chat/rules.ts', lineNumber: 6 } }],
    samples: [1],
    timeDeltas: [us],
  });
}

describe('a profile of the bench', () => {
  const folder = mkdtempSync(join(tmpdir(), 'suhbat-profiles-'));
  after(() => rmSync(folder, { recursive: true }));

  it('shows the costliest process of each kind, and where its time went', () => {
    expect(hottest(folder, '/root')).to.equal('there is no profile');
    const files = { 'gateway.11-1': 'send', 'actors.12-1': 'idler', 'actors.13-1': 'decide' };
    for (const [at, [file, name]] of Object.entries(files).entries())
      writeFileSync(join(folder, `${file}.cpuprofile`), cpuProfile(name, (at + 1) * 10_000));
    const told = hottest(folder, '/root');
    expect(told).to.include('gateway: 10 ms of CPU\n100.0 %  send actors/chat/rules.ts:7');
    expect(told).to.include('actors: 30 ms of CPU\n100.0 %  decide actors/chat/rules.ts:7');
    expect(told).not.to.include('idler');
  });
});
