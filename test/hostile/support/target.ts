import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { withClient } from '../../../ops/connections/postgres-client.ts';
import { createTestDatabase } from '../../support/database.ts';
import { eventually } from '../../support/eventually.ts';
import { startProgram } from '../../support/process.ts';

/** The real program, as those see it who mean harm, and as its operator does. */
export interface Target {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** The private key of its access tokens, PEM. */
  readonly tokenKey: string;
  /** A metric of `/metrics`; all of its label sets together. */
  metric(name: string): Promise<number>;
  /** Resident memory in bytes. */
  memory(): number;
  /** Open file descriptors. */
  descriptors(): number;
  /** Accounts, logins, chats and memberships as PostgreSQL holds them: equal texts, equal content. */
  stored(): Promise<string>;
  /** Throws where it has ended, has written of a bug, or does not say that all is well. */
  expectWell(): Promise<void>;
  /** Ends it with SIGTERM, and removes what it has kept. Throws where it does not end well. */
  end(): Promise<void>;
}

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const tokenKey = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

export async function startTarget(env: Record<string, string> = {}): Promise<Target> {
  const database = await createTestDatabase();
  const folder = mkdtempSync(join(tmpdir(), 'suhbat-hostile-'));
  const program = startProgram({
    env: {
      DATABASE_URL: database.url,
      SUHBAT_DATA_DIR: folder,
      SUHBAT_TOKEN_KEY: tokenKey,
      SUHBAT_REFRESH_SECRET: randomBytes(32).toString('hex'),
      SUHBAT_RATE_LIMIT_FACTOR: '1000',
      SUHBAT_BCRYPT_QUEUE: '1000',
      ...env,
    },
  });
  const kill = () => {
    program.kill();
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', kill);
  const remove = async () => {
    process.off('exit', kill);
    kill();
    await database.drop();
  };

  try {
    const url = await program.ready();
    const proc = `/proc/${program.pid}`;
    return {
      url,
      port: Number(new URL(url).port),
      pid: program.pid,
      tokenKey,
      async metric(name) {
        const text = await (await fetch(`${url}/metrics`)).text();
        const lines = text
          .split('\n')
          .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
        return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
      },
      memory: () => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`${proc}/status`, 'utf8'))?.[1]) * 1024,
      descriptors: () => readdirSync(`${proc}/fd`).length,
      stored: () => contentOf(database.url),
      async expectWell() {
        const how = await Promise.race([program.ended(), Promise.resolve('runs')]);
        expect(how, program.stderr().slice(-2000)).to.equal('runs');
        // A machine that does much else may hold up what health asks.
        await eventually(async () => {
          const health = (await (await fetch(`${url}/health`)).json()) as { status: string };
          return health.status === 'ok' || health.status;
        }, 2000);
        const bugs = program
          .stderr()
          .split('\n')
          .filter((line) => /"level":"fatal"|"msg":"a bug"/.test(line));
        expect(bugs.slice(0, 3)).to.deep.equal([]);
      },
      async end() {
        program.signal('SIGTERM');
        const how = await program.ended();
        await remove();
        expect(how, program.stderr().slice(-2000)).to.equal(0);
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Without what is written behind (marks, counters) and what presence writes by itself. */
const statements = {
  users: `to_jsonb(t) - '{last_seen_at}'::text[]`,
  logins: 'to_jsonb(t)',
  chats: `to_jsonb(t) - '{head_seq,last_message_seq,messages_count,last_activity_at}'::text[]`,
  chat_usernames: 'to_jsonb(t)',
  chat_members: `to_jsonb(t) - '{read_seq,read_ordinal,last_client_id}'::text[]`,
};

function contentOf(url: string): Promise<string> {
  return withClient({ url, applicationName: 'test' }, async (client) => {
    const parts: string[] = [];
    for (const [table, row] of Object.entries(statements)) {
      const { rows } = await client.query(
        `select count(*) as rows, md5(coalesce(string_agg(md5((${row})::text), '' order by (${row})::text), '')) as sum from ${table} t`,
      );
      parts.push(`${table}: ${JSON.stringify(rows[0])}`);
    }
    return parts.join('\n');
  });
}

export interface Baseline {
  memory: number;
  descriptors: number;
  connections: number;
}

export async function baselineOf(target: Target): Promise<Baseline> {
  const connections = await target.metric('suhbat_connections');
  return { memory: target.memory(), descriptors: target.descriptors(), connections };
}

/** More than the young generation of V8 takes by itself, which it gives back when it likes. */
export const memoryMargin = 200 * 1024 * 1024;
/** Idle keep-alive connections of our own clients, and the database's pool. */
const descriptorMargin = 40;

/** Waits until nothing of the abuse is left: sockets, requests, file descriptors, memory. */
export async function expectRecovered(target: Target, before: Baseline): Promise<void> {
  await eventually(async () => {
    const connections = await target.metric('suhbat_connections');
    const inFlight = await target.metric('suhbat_requests_in_flight');
    const { memory, descriptors } = await baselineOf(target);
    const left = { connections, inFlight, descriptors, memory };
    const fine =
      connections <= before.connections &&
      // The gauge is a second old, and reading it is a request.
      inFlight <= 1 &&
      descriptors <= before.descriptors + descriptorMargin &&
      memory <= before.memory + memoryMargin;
    return fine || JSON.stringify({ before, left });
  }, 40_000);
  await target.expectWell();
}
