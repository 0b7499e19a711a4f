import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface CallFrame {
  functionName: string;
  url: string;
  lineNumber: number;
}

interface CpuProfile {
  nodes: { id: number; callFrame: CallFrame }[];
  samples: number[];
  timeDeltas: number[];
}

interface HeapNode {
  callFrame: CallFrame;
  selfSize: number;
  children: HeapNode[];
}

/** Microseconds, or bytes, by function. */
interface Costs {
  of: 'ms of CPU' | 'MB allocated';
  all: number;
  byFunction: Map<string, number>;
}

const shownFunctions = 40;
const shownFiles = 30;

/**
 * Where the CPU, or the memory, went by function and by file: of the costliest profile of each kind of process, whose
 * name stands in front in the names of its files.
 */
export function hottest(folder: string, root: string): string {
  const byProcess = Map.groupBy(readdirSync(folder), (file) => file.split('.', 1)[0] ?? '');
  if (byProcess.size === 0) return 'there is no profile';
  return [...byProcess]
    .map(([process, files]) => `${process}: ${costliest(folder, files, root)}`)
    .join('\n\n');
}

function costliest(folder: string, files: readonly string[], root: string): string {
  const profiles = files.map((name) => {
    const text = readFileSync(join(folder, name), 'utf8');
    return name.endsWith('.heapprofile')
      ? bytesOf((JSON.parse(text) as { head: HeapNode }).head, root)
      : timesOf(JSON.parse(text) as CpuProfile, root);
  });
  const most = profiles.toSorted((one, other) => other.all - one.all)[0];
  if (most === undefined) return 'no profile';
  const { of, all, byFunction } = most;
  const byFile = new Map<string, number>();
  for (const [name, cost] of byFunction) {
    const file = fileOf(name);
    byFile.set(file, (byFile.get(file) ?? 0) + cost);
  }
  const lines = (costs: Map<string, number>, count: number) =>
    [...costs]
      .toSorted((one, other) => other[1] - one[1])
      .slice(0, count)
      .map(([name, cost]) => `${((100 * cost) / all).toFixed(1).padStart(5)} %  ${name}`);
  const total = of === 'ms of CPU' ? all / 1000 : all / 2 ** 20;
  return [
    `${total.toFixed(0)} ${of}`,
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

function nameOf({ functionName, url, lineNumber }: CallFrame, root: string): string {
  const place = url === '' ? '' : `${url.replace(`file://${root}/`, '')}:${lineNumber + 1}`;
  return `${functionName || '(anonymous)'} ${place}`;
}

function timesOf({ nodes, samples, timeDeltas }: CpuProfile, root: string): Costs {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame, root)]));
  const byFunction = new Map<string, number>();
  let all = 0;
  for (const [at, id] of samples.entries()) {
    const name = names.get(id) ?? '';
    if (name.startsWith('(idle)')) continue;
    const us = timeDeltas[at] ?? 0;
    all += us;
    byFunction.set(name, (byFunction.get(name) ?? 0) + us);
  }
  return { of: 'ms of CPU', all, byFunction };
}

function bytesOf(head: HeapNode, root: string): Costs {
  const byFunction = new Map<string, number>();
  let all = 0;
  const open = [head];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    const name = nameOf(node.callFrame, root);
    all += node.selfSize;
    byFunction.set(name, (byFunction.get(name) ?? 0) + node.selfSize);
    open.push(...node.children);
  }
  return { of: 'MB allocated', all, byFunction };
}
