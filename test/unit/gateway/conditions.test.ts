import { expect } from 'chai';
import { isKnown, tagsToMatch } from '../../../gateway/http/conditions.ts';
import { SuhbatError } from '../../../schemas/errors.ts';

describe('conditions of requests', () => {
  it('are for any version without If-Match, and with *', () => {
    for (const header of [undefined, '', '*', ' * ']) expect(tagsToMatch(header)).to.equal(undefined);
  });

  it('name tags; weak ones fit none', () => {
    expect(tagsToMatch('"a"')).to.deep.equal(['a']);
    expect(tagsToMatch('"a", "b" ,W/"c"')).to.deep.equal(['a', 'b']);
    expect(tagsToMatch('W/"a"')).to.deep.equal([]);
    expect(tagsToMatch('""')).to.deep.equal(['']);
  });

  it('are refused where they are none', () => {
    for (const header of ['a', '"a', '"a" "b"', '"a",', 'w/"a"', '*, "a"', Array(21).fill('"a"').join()])
      expect(() => tagsToMatch(header), header)
        .to.throw(SuhbatError)
        .with.nested.property('refusal.reason', 'bad_if_match');
  });

  it('know what the client holds, weak or strong', () => {
    for (const header of ['"a"', 'W/"a"', '"b", "a"', '*'])
      expect(isKnown(header, '"a"'), header).to.equal(true);
    for (const header of ['', '"b"', 'a', '"a']) expect(isKnown(header, '"a"'), header).to.equal(false);
  });
});
