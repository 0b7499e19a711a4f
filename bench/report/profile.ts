import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Node {
  id: number;
  callFrame: { functionName: string; url: string; lineNumber: number };
}

interface Profile {
  nodes: Node[];
  samples: number[];
  timeDeltas: number[];
}

const shownFunctions = 40;
const shownFiles = 30;

/** Where the CPU of the busiest of these profiles went, by function and by file, of the time it was busy at all. */
export function hottest(folder: string, root: string): string {
  const profiles = readdirSync(folder)
    .filter((name) => name.endsWith('.cpuprofile'))
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Profile);
  const busiest = profiles
    .map((profile) => timesOf(profile, root))
    .toSorted((one, other) => other.busy - one.busy)[0];
  if (busiest === undefined) return 'there is no profile';
  const { busy, total, byFunction } = busiest;
  const byFile = new Map<string, number>();
  for (const [name, us] of byFunction) {
    const file = fileOf(name);
    byFile.set(file, (byFile.get(file) ?? 0) + us);
  }
  const lines = (times: Map<string, number>, count: number) =>
    [...times]
      .toSorted((one, other) => other[1] - one[1])
      .slice(0, count)
      .map(([name, us]) => `${((100 * us) / busy).toFixed(1).padStart(5)} %  ${name}`);
  return [
    `busy ${(busy / 1e6).toFixed(1)} of ${(total / 1e6).toFixed(1)} s`,
    ...lines(byFunction, shownFunctions),
    '',
    ...lines(byFile, shownFiles),
  ].join('\n');
}

/** `actors/chat/rules.ts`, `node_modules/pg`, or what has no file. */
function fileOf(name: string): string {
  const place = name.slice(name.lastIndexOf(' ') + 1).replace(/:\d+$/, '');
  return (
    /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(place)?.[0] ?? (place === '' ? 'V8 and native code' : place)
  );
}

function timesOf({ nodes, samples, timeDeltas }: Profile, root: string) {
  const names = new Map(
    nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => [
      id,
      `${functionName || '(anonymous)'} ${url.replace(`file://${root}/`, '')}${url === '' ? '' : `:${lineNumber + 1}`}`,
    ]),
  );
  const byFunction = new Map<string, number>();
  let [busy, total] = [0, 0];
  for (const [at, id] of samples.entries()) {
    const name = names.get(id) ?? '';
    const us = timeDeltas[at] ?? 0;
    total += us;
    if (name.startsWith('(idle)')) continue;
    busy += us;
    byFunction.set(name, (byFunction.get(name) ?? 0) + us);
  }
  return { busy, total, byFunction };
}
