import { expect } from 'chai';
import { sql } from 'slonik';
import { type Database, databaseFault } from '../../../ops/connections/postgres.ts';
import { type NetworkLink, startLink } from '../../cluster/network-link.ts';
import { connectTo, createTestDatabase, type TestDatabase } from '../../support/database.ts';

/** `ReadyForQuery`, idle: the last that PostgreSQL says of a session that it has opened. */
const ready = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);

/** What PostgreSQL says to a session that an operator ends. */
function terminated(): Buffer {
  const fields = ['SFATAL', 'VFATAL', 'C57P01', 'Mterminating connection due to administrator command', ''];
  const body = Buffer.from(`${fields.join('\0')}\0`);
  const head = Buffer.from([0x45, 0, 0, 0, 0]);
  head.writeUInt32BE(body.byteLength + 4, 1);
  return Buffer.concat([head, body]);
}

describe('a connection that is ended in the moment in which it is made', () => {
  const places = 3;
  let database: TestDatabase;
  let link: NetworkLink;
  let pool: Database;
  let ends = true;
  const lost: Error[] = [];

  before(async () => {
    database = await createTestDatabase();
    const { port } = new URL(database.url);
    link = await startLink(Number(port), (_, piece) =>
      ends && piece.subarray(-ready.byteLength).equals(ready) ? Buffer.concat([piece, terminated()]) : piece,
    );
    pool = await connectTo(link.url(database.url), {
      maxConnections: places,
      acquireTimeoutMs: 1000,
      onError: (error) => lost.push(error),
    });
  });
  after(async () => {
    await pool?.end();
    await link?.close();
    await database?.drop();
  });

  it('fails who wanted it, and leaves its place in the pool to others', async () => {
    const one = sql.unsafe`select 1 as one`;
    for (let tries = 0; tries < 2 * places; tries++) {
      const error = await pool.one(one).catch((error) => error);
      expect(databaseFault(error)).to.equal('lost');
    }
    expect(lost).to.have.length.at.least(2 * places);
    ends = false;
    expect(await pool.one(one)).to.deep.equal({ one: 1 });
    expect(pool.state()).to.include({ open: 1, busy: 0, waiting: 0 });
  });
});
