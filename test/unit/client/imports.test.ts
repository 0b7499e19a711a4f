import { readdirSync, readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { expect } from 'chai';

const root = join(import.meta.dirname, '..', '..', '..');

/** What a file imports at run time: types are erased. */
function runTimeImports(path: string): string[] {
  const text = readFileSync(join(root, path), 'utf8');
  return [...text.matchAll(/^(?:import|export) (?!type )([^;]*?)from '([^']+)'/gm)]
    .filter(([, names = '']) => !/^\{(\s*type \w+,?)+\s*\}\s*$/.test(names))
    .map(([, , to = '']) => (to.startsWith('.') ? normalize(join(path, '..', to)) : to));
}

describe('the SDK', () => {
  it('needs nothing but itself and data, so that browsers can run it', () => {
    const names = readdirSync(join(root, 'gateway/client')).filter((name) => name.endsWith('.ts'));
    const files = names.map((name) => `gateway/client/${name}`);
    const found = new Set(files.flatMap(runTimeImports).filter((to) => !files.includes(to)));
    const data = ['schemas/errors.ts', 'schemas/ids.ts', 'schemas/limits.ts'];
    expect([...found].sort()).to.deep.equal(data);
    expect(data.flatMap(runTimeImports)).to.deep.equal([]);
  });
});
