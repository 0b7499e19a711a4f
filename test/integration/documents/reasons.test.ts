import { expect } from 'chai';
import { headerRefusals, tokenReasons } from '../../../gateway/documents/refusals.ts';
import { requestRefusals } from '../../../schemas/refusals.ts';
import { projectSources } from '../../architecture/read-imports.ts';
import { everyRoute } from './tables.ts';

describe('the documented reasons of refusals', () => {
  const sources = projectSources().filter(({ path }) =>
    /^(services|actors|gateway|ops|schemas)\//.test(path),
  );
  const decided = sources.filter(({ path }) => /^(services|actors\/chat)\//.test(path));

  async function documented(): Promise<Set<string>> {
    const rows = [
      ...Object.values(requestRefusals),
      ...Object.values(headerRefusals),
      ...(await everyRoute()).map((row) => row.refusals ?? {}),
    ];
    const reasons = rows.flatMap((refusals) => Object.values(refusals as Record<string, string[]>).flat());
    return new Set([...reasons, ...tokenReasons]);
  }

  it('are all given somewhere', async () => {
    const text = sources
      .filter(
        ({ path }) => path !== 'schemas/refusals.ts' && !/^gateway\/(documents|http\/routes)\//.test(path),
      )
      .map((source) => source.text)
      .join('\n');
    for (const reason of await documented()) expect(text).to.include(`'${reason}'`);
  });

  /** Refused before by a schema, or on the way to a socket, where no document has a place for it. */
  const unseen = ['password_bad_text', 'password_too_short', 'ticket_invalid'];

  it('are all that services and rules give; what may come to anybody at any time is not named', async () => {
    const known = new Set([...(await documented()), ...unseen, 'no_account']);
    const forms = [
      /\bfail\(\s*'(\w+)',\s*\{[^}]*?\breason: '(\w+)'/g,
      /\b(?:refuse|unfit)\((?:'(\w+)', )?'(\w+)'/g,
    ];
    const found = decided.flatMap(({ path, text }) =>
      forms.flatMap((form) =>
        [...text.matchAll(form)].map(([, code, reason = '']) => ({ path, code, reason })),
      ),
    );
    expect(found).to.have.length.above(30);
    const missing = found.filter(({ code, reason }) => code !== 'unavailable' && !known.has(reason));
    expect(missing).to.deep.equal([]);
  });
});
