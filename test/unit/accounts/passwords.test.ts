import { expect } from 'chai';
import { SuhbatError } from '../../../schemas/errors.ts';
import { createPasswords } from '../../../services/users/passwords.ts';
import { reasonOf } from './support.ts';

describe('passwords', () => {
  const passwords = createPasswords({ cost: 4 });
  after(() => passwords.close());

  it('match their own hash and no other password', async () => {
    const hash = await passwords.hash('correct horse');
    expect(hash).to.match(/^\$2[aby]\$04\$.{53}$/);
    expect(await passwords.matches('correct horse', hash)).to.equal(true);
    expect(await passwords.matches('correct horsf', hash)).to.equal(false);
  });

  it('of one user and another have different hashes', async () => {
    expect(await passwords.hash('correct horse')).not.to.equal(await passwords.hash('correct horse'));
  });

  it('may have 72 bytes and not 73, so that no byte is ignored', async () => {
    const longest = 'ў'.repeat(36);
    const hash = await passwords.hash(longest);
    expect(await passwords.matches(longest, hash)).to.equal(true);
    expect(await passwords.matches(`${longest}x`, hash), 'not cut when compared').to.equal(false);
    expect(await reasonOf(() => passwords.hash(`${longest}x`))).to.equal('unprocessable password_too_long');
  });

  it('have at least 8 characters and no U+0000', async () => {
    expect(await reasonOf(() => passwords.hash('seven77'))).to.equal('unprocessable password_too_short');
    expect(await reasonOf(() => passwords.hash('with\0zero'))).to.equal('unprocessable password_bad_text');
    const hash = await passwords.hash('with-zero');
    expect(await passwords.matches('with-zero\0and more', hash)).to.equal(false);
  });

  it('of nobody are compared too, and never match', async () => {
    for (const password of ['', 'correct horse', 'x'.repeat(100)])
      expect(await passwords.matches(password, null)).to.equal(false);
  });

  it('are refused with a time to come back when too many wait, and taken again afterwards', async () => {
    const small = createPasswords({ cost: 4, threads: 1, queue: 2 });
    try {
      const tries = Array.from({ length: 5 }, () => small.hash('correct horse'));
      expect(small.pending()).to.equal(3);
      const outcomes = await Promise.allSettled(tries);
      expect(outcomes.map(({ status }) => status)).to.deep.equal([
        'fulfilled',
        'fulfilled',
        'fulfilled',
        'rejected',
        'rejected',
      ]);
      const { reason } = outcomes[4] as PromiseRejectedResult;
      expect(reason).to.be.instanceOf(SuhbatError);
      expect(reason.refusal).to.include({ code: 'rate_limited', reason: 'too_many_logins' });
      expect(reason.refusal.retry_after_ms).to.be.at.least(1000);
      expect(small.pending()).to.equal(0);
      expect(await small.hash('correct horse')).to.be.a('string');
    } finally {
      await small.close();
    }
  });

  it('are refused at once where the wait would be longer than anybody waits', async () => {
    const hasty = createPasswords({ cost: 8, patienceMs: 1 });
    try {
      const [first, second] = await Promise.allSettled(['one of many', 'one too many'].map(hasty.hash));
      expect(first?.status).to.equal('fulfilled');
      expect((second as PromiseRejectedResult).reason.refusal).to.include({ code: 'rate_limited' });
      await hasty.hash('nobody is before it');
    } finally {
      await hasty.close();
    }
  });

  it('that wait when the process stops are refused as unavailable', async () => {
    const stopping = createPasswords({ cost: 4 });
    const waiting = reasonOf(() => stopping.hash('correct horse'));
    await stopping.close();
    expect(await waiting).to.equal('unavailable stopping');
    expect(await reasonOf(() => stopping.hash('correct horse'))).to.equal('unavailable stopping');
  });
});
