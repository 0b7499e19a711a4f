import { expect } from 'chai';
import { newId } from '../../../schemas/ids.ts';
import { createRefreshTokens } from '../../../services/users/refresh-tokens.ts';
import { reasonOf } from './support.ts';

describe('refresh tokens', () => {
  const tokens = createRefreshTokens('a secret of at least thirty-two bytes');
  const loginId = newId();
  const token = tokens.make(loginId, 12);
  const refused = (text: string) => reasonOf(async () => tokens.read(text));

  it('say which login and generation they are of', () => {
    expect(tokens.read(token)).to.deep.equal({ login_id: loginId, generation: 12 });
  });

  it('come out the same when they are made again, and differ by login and generation', () => {
    expect(tokens.make(loginId, 12)).to.equal(token);
    expect(new Set([token, tokens.make(loginId, 13), tokens.make(newId(), 12)]).size).to.equal(3);
  });

  it('are refused when any part was changed', async () => {
    const [id, generation, mac] = token.split('.') as [string, string, string];
    const otherMac = (mac[0] === 'A' ? 'B' : 'A') + mac.slice(1);
    const changed = [
      `${newId()}.${generation}.${mac}`,
      `${id}.13.${mac}`,
      `${id}.012.${mac}`,
      `${id.toUpperCase()}.${generation}.${mac}`,
      `${id}.${generation}.${otherMac}`,
      `${id}.${generation}.${mac.slice(1)}`,
      `${id}.${generation}.${mac}=`,
      `${token} `,
      '',
      '..',
    ];
    for (const text of changed) expect(await refused(text), text).to.equal('unauthenticated refresh_invalid');
  });

  it('are refused when another secret made them', async () => {
    const other = createRefreshTokens('another secret of thirty-two bytes or more');
    expect(await refused(other.make(loginId, 12))).to.equal('unauthenticated refresh_invalid');
  });

  it('need a secret that cannot be guessed', () => {
    expect(() => createRefreshTokens('short')).to.throw('32 bytes');
  });
});
