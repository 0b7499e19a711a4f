import { expect } from 'chai';
import { pino } from 'pino';
import { createLocalBus } from '../../../ops/bus/local-bus.ts';
import { subjects } from '../../../schemas/subjects.ts';
import { repeatNotes } from '../../../services/users/after-a-loss.ts';
import { createLossyBus, type LossyBus } from '../../support/lossy-bus.ts';
import { until } from '../../support/until.ts';
import { type Accounts, startAccounts } from './support.ts';

describe('what the users service tells the gateways', () => {
  let accounts: Accounts;
  let bus: LossyBus;
  const ends: (() => void)[] = [];

  before(async () => {
    accounts = await startAccounts();
    bus = createLossyBus(createLocalBus());
  });
  after(async () => {
    for (const end of ends) end();
    await accounts?.stop();
  });

  const begin = () => {
    const { db, clock } = accounts;
    ends.push(repeatNotes({ bus, db, clock, logger: pino({ level: 'silent' }) }));
  };
  const occasions = {
    // The process before it may have ended after its commit, and before it told.
    'when a process begins': begin,
    'after a loss of all': () => bus.lose('all'),
    'after a loss of what was sent': () => bus.lose('sent'),
  };
  for (const [when, occasion] of Object.entries(occasions))
    it(`is told again ${when}: logins that are revoked, and that somebody may hide`, async () => {
      const { register, ask, tokens } = accounts;
      const { access_token, user } = await register();
      await ask('POST /api/v1/auth/logout', { token: access_token });
      const { login_id } = tokens.verify(access_token);
      bus.published.length = 0;
      occasion();
      const notes = (subject: string) =>
        bus.published.flatMap((one) => (one.subject === subject ? [one.envelope.note] : []));
      expect(notes(subjects.privacy)).to.deep.equal([{}]);
      await until('revoked logins', () => notes(subjects.revoked).length > 0);
      expect(notes(subjects.revoked)).to.deep.include({ user_id: user.id, login_ids: [login_id] });
    });
});
