import { expect } from 'chai';
import fc from 'fast-check';
import { excerptOf, wordsOf } from '../../../services/chats/search-words.ts';

const words = ['salom', 'bu', 'о‘зи', '😀😀', 'привет', 'x%'];
const piece = fc.constantFrom(...words, '😀', ' ', '\n', 'a', '. ', 'SALOM', 'Bugun', 'ʻ', '<b>');
const text = fc.array(piece, { minLength: 1, maxLength: 120 }).map((pieces) => pieces.join(''));
const query = fc.uniqueArray(fc.constantFrom(...words), { minLength: 1, maxLength: 3 });

describe('the excerpt of a message', () => {
  it('is of the text, whole in its characters, and says where words are', () => {
    fc.assert(
      fc.property(text, query, (said, wanted) => {
        const found = wordsOf(wanted.join(' '));
        const part = excerptOf(said, found);
        if (part === undefined) return;
        const { excerpt, highlights } = part;
        expect(excerpt.isWellFormed()).to.equal(true);
        expect(excerpt.length).to.be.at.most(163);
        expect(said).to.include(excerpt.replace(/^…/, '').replace(/…$/, ''));
        expect(highlights).to.not.deep.equal([]);
        let last = -1;
        for (const [start, end] of highlights) {
          expect(start).to.be.greaterThan(last);
          expect(end).to.be.greaterThan(start).and.at.most(excerpt.length);
          expect(excerpt.slice(start, end).isWellFormed()).to.equal(true);
          const marked = excerpt.slice(start, end).toLowerCase().replaceAll(/[‘ʻ]/g, '‘');
          expect(
            wanted.some((word) => marked.includes(word)),
            marked,
          ).to.equal(true);
          last = end;
        }
      }),
      { seed: 7, numRuns: 2000 },
    );
  });

  it('is none where a word is not there', () => {
    expect(excerptOf('salom dunyo', wordsOf('salom non'))).to.equal(undefined);
    expect(excerptOf('abu', wordsOf('bu'))).to.equal(undefined);
    expect(excerptOf('', wordsOf('bu'))).to.equal(undefined);
  });
});

describe('the words of a search', () => {
  it('are known to the index where they have letters in a row, or begin with one', () => {
    const indexed = (word: string) => wordsOf(word).map((each) => each.indexed);
    expect(['salom', 'bu', 'o‘z', 'a', 'c++', '100%', '%abc%'].flatMap(indexed)).to.not.include(false);
    expect(['😀', '%', '-a', "'", '«»'].flatMap(indexed)).to.not.include(true);
  });

  it('come once each, the longest first', () => {
    expect(wordsOf(' Bu  salom BU\tnon ').map(({ js }) => js.source.slice(-2))).to.deep.equal([
      'om',
      'on',
      'bu',
    ]);
  });
});
