import { expect } from 'chai';
import { pino } from 'pino';
import { sql } from 'slonik';
import { createBroker, createCall } from '../../../ops/broker/broker.ts';
import type { Database } from '../../../ops/connections/postgres.ts';
import { refusalOf } from '../../../schemas/errors.ts';
import { newId } from '../../../schemas/ids.ts';
import type { BegunKey, KeptAnswer } from '../../../schemas/rest/idempotency.ts';
import { createKeysService } from '../../../services/keys/keys.service.ts';
import { connectTo, createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { manualClock } from '../../unit/accounts/support.ts';

describe('kept answers', () => {
  const clock = manualClock();
  let database: TestDatabase;
  let db: Database;
  let broker: ReturnType<typeof createBroker>;

  before(async () => {
    database = await createTestDatabase();
    db = await connectTo(database.url);
    broker = createBroker({ nodeId: newId(), logger: pino({ level: 'silent' }), requestTimeoutMs: 5000 });
    broker.createService(createKeysService({ db, clock }));
    await broker.start();
  });
  after(async () => {
    await broker?.stop();
    await db?.end();
    await database?.drop();
  });

  function keyed(user_id = newId(), key = newId(), body = 'one') {
    const call = createCall(broker);
    const meta = { request_id: 'r', user_id };
    const params = { key, body_hash: Buffer.from(body).toString('base64') };
    return {
      begin: () => call<BegunKey>('keys.begin', params, meta),
      refused: () =>
        call<BegunKey>('keys.begin', params, meta).then(
          () => 'taken',
          (error) => refusalOf(error).reason,
        ),
      keep: (answer: KeptAnswer) => call('keys.keep', { ...params, answer }, meta),
      drop: () => call('keys.drop', params, meta),
      other: (text: string) => keyed(user_id, key, text),
    };
  }
  const count = () => db.oneFirst(sql.unsafe`select count(*) from idempotency_keys`);

  it('are given again for a day, and no longer', async () => {
    const request = keyed();
    expect(await request.begin()).to.deep.equal({});
    expect(await request.refused()).to.equal('key_running');
    const answer = { status: 201, body: { text: 'a\u0000b \ud800', list: [1, null] } };
    await request.keep(answer);
    expect(await request.begin()).to.deep.equal({ answer });
    expect(await request.other('two').refused()).to.equal('key_reused');
    clock.advance(24 * 3600_000 - 1);
    expect(await request.begin()).to.deep.equal({ answer });
    clock.advance(1);
    expect(await request.other('two').begin()).to.deep.equal({});
  });

  it('that never came let the same request begin anew after a while, and no other', async () => {
    const request = keyed();
    await request.begin();
    clock.advance(14_999);
    expect(await request.refused()).to.equal('key_running');
    clock.advance(1);
    expect(await request.other('two').refused()).to.equal('key_reused');
    expect(await request.begin()).to.deep.equal({});
    expect(await request.refused()).to.equal('key_running');
  });

  it('that will not be kept let the next request begin at once', async () => {
    const request = keyed();
    await request.begin();
    await request.drop();
    expect(await request.begin()).to.deep.equal({});
    await request.keep({ status: 200, body: 'x'.repeat(64 * 1024) });
    expect(await request.begin()).to.deep.equal({});
  });

  it('stay as the first one said it', async () => {
    const request = keyed();
    await request.begin();
    await request.keep({ status: 201, body: 1 });
    await request.keep({ status: 201, body: 2 });
    await request.drop();
    await request.other('two').drop();
    expect(await request.begin()).to.deep.equal({ answer: { status: 201, body: 1 } });
  });

  it('are begun by one of many that come at once', async () => {
    const request = keyed();
    const outcomes = await Promise.all(Array.from({ length: 12 }, () => request.refused()));
    expect(outcomes.filter((outcome) => outcome === 'taken')).to.have.length(1);
    expect(outcomes.filter((outcome) => outcome === 'key_running')).to.have.length(11);
  });

  it('leave the table when they have expired', async () => {
    for (let n = 0; n < 30; n++) await keyed().begin();
    expect(await count()).to.be.at.least(30);
    clock.advance(25 * 3600_000);
    for (let n = 0; n < 3; n++) await keyed().begin();
    expect(await count()).to.equal(3);
  });
});
