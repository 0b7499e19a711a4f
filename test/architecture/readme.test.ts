import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Field } from '../../ops/config/field.ts';
import { fields } from '../../ops/config/fields.ts';
import { helpText, settingsMarkdown, settingsRows } from '../../ops/config/table.ts';
import { closeCodes } from '../../schemas/errors.ts';
import { projectSources, root, withoutComments } from './read-imports.ts';

const readme = readFileSync(join(root, 'README.md'), 'utf8');

/** The rows of README's table under a heading, cells trimmed, without the head. */
function tableUnder(heading: string): string[][] {
  const section = readme.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return section
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2)
    .map((line) => line.split('|').slice(1, -1))
    .map((cells) => cells.map((cell) => cell.trim()));
}

describe('the settings', () => {
  it('all have an effect, but for those that are refused', () => {
    const readers = projectSources().filter(
      ({ path }) => !/^(test|bench)\//.test(path) && !/^ops\/config\/.*fields\.ts$/.test(path),
    );
    const code = readers.map(({ text }) => withoutComments(text)).join('\n');
    for (const [key, field] of Object.entries<Field<unknown>>(fields))
      expect(code, `${field.name} is never read`).to.match(new RegExp(`\\b${key}\\b`));
  });
});

describe('README', () => {
  it('has every setting of the field table, and no other, as the code has it', () => {
    const told = tableUnder('Settings').map(([name = '', ...rest]) => [name.replaceAll('`', ''), ...rest]);
    expect(told).to.deep.equal(settingsRows());
    expect(readme).to.include(settingsMarkdown());
  });

  it('has every closing code', () => {
    const told = tableUnder('Closing codes').map(([code]) => Number(code));
    expect(told).to.have.members(Object.values(closeCodes).map(({ code }) => code));
  });

  it('names every setting in --help, aligned', () => {
    const lines = helpText().split('\n');
    for (const [name = ''] of settingsRows())
      expect(lines.filter((line) => line.startsWith(`${name} `))).to.have.length(1);
    const at = lines.find((line) => line.startsWith('setting'))?.indexOf('meaning') ?? -1;
    for (const [name = '', , , meaning = ''] of settingsRows())
      expect(lines.find((line) => line.startsWith(`${name} `))?.slice(at)).to.equal(meaning);
  });
});
