import { expect } from 'chai';
import { languageNamed, languageOf } from '../../schemas/language.ts';

describe('the language of a mail', () => {
  it('is the first that the client likes and we write in, else English', () => {
    const said: Record<string, string> = {
      '': 'en',
      '*': 'en',
      'de, fr;q=0.8': 'en',
      uz: 'uz',
      'uz-Latn-UZ': 'uz',
      'en;q=0.5, uz;q=0.7': 'uz',
      'uz;q=0, en': 'en',
      'ru, uz;q=0.9, en;q=0.8': 'uz',
      'en, uz': 'en',
      [`${'x,'.repeat(10_000)}uz`]: 'en',
    };
    for (const [header, language] of Object.entries(said)) expect(languageOf(header)).to.equal(language);
  });

  it('may be named in settings, where anything may stand', () => {
    expect(languageNamed('uz')).to.equal('uz');
    for (const other of ['ru', '', 7, null, undefined, {}]) expect(languageNamed(other)).to.equal(undefined);
  });
});
