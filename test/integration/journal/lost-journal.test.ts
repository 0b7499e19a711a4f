import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Message } from '../../../schemas/chat/wire.ts';
import { newId } from '../../../schemas/ids.ts';
import type { Tokens } from '../../../schemas/rest/accounts.ts';
import { type Program, startProgram } from '../../support/process.ts';

/** The real program, its journal taken away under it while it is stopped. */
describe('a journal that was deleted', () => {
  let folder: string;
  let program: Program;
  let url: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'suhbat-lost-'));
  });
  after(async () => {
    program?.kill();
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  const env = () => ({ SUHBAT_DATA_DIR: join(folder, 'data'), SUHBAT_SHARDS: '4' });

  async function start(): Promise<void> {
    program = startProgram({ env: env() });
    url = await program.ready();
  }

  async function stop(): Promise<void> {
    program.signal('SIGTERM');
    expect(await program.ended()).to.equal(0);
  }

  async function journal(...args: string[]): Promise<{ code: unknown; text: string; error: string }> {
    const run = startProgram({ env: env(), args, script: 'ops/journal/main.ts' });
    const code = await run.ended();
    return { code, text: run.stdout(), error: run.stderr() };
  }

  async function rest<Body>(method: string, path: string, token: string, body?: object) {
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: answer.status, body: (await answer.json()) as Body };
  }

  async function register(name: string): Promise<Tokens> {
    const body = { username: name, email: `${name}@lost.example`, password: 'a long enough password' };
    return (await rest<Tokens>('POST', '/api/v1/auth/register', '', body)).body;
  }

  const send = (token: string, chat: string, text: string) =>
    rest<{ seq: number; code?: string; reason?: string }>('POST', `/api/v1/chats/${chat}/messages`, token, {
      kind: 'text',
      text,
      client_id: newId(),
    });

  const history = async (token: string, chat: string) =>
    (await rest<{ messages: Message[] }>('GET', `/api/v1/chats/${chat}/messages`, token)).body.messages;

  it('quarantines the shards that had records; adopted, each chat goes on far above its head, with all its messages', async function () {
    this.timeout(120_000);
    await start();
    const [ann, bob] = [await register('ann'), await register('bob')];
    const token = ann.access_token;
    const made = [
      { type: 'private', username: 'bob' },
      { type: 'group', title: 'Tea', member_ids: [bob.user.id] },
    ];
    const chats: string[] = [];
    for (const body of made) {
      const { id } = (await rest<{ id: string }>('POST', '/api/v1/chats', token, body)).body;
      chats.push(id);
      for (const text of ['one', 'two', 'three']) await send(token, id, text);
    }
    const before = await Promise.all(chats.map((id) => history(token, id)));
    const running = await journal('status');
    expect(running).to.include({ code: 1 });
    expect(running.error).to.include('in use');
    await stop();

    await rm(join(folder, 'data', 'journal'), { recursive: true });
    await start();
    for (const id of chats) {
      const refused = await send(token, id, 'four');
      expect(refused.status).to.equal(503);
      expect(refused.body).to.include({ code: 'unavailable', reason: 'quarantined' });
    }
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).to.match(/^suhbat_quarantined_shards [1-4]$/m);
    await stop();

    const status = await journal('status');
    expect(status.code).to.equal(1);
    expect(status.text).to.include('quarantined: PostgreSQL was written from journal');
    const planned = await journal('adopt', '--all');
    expect(planned).to.include({ code: 1 });
    expect(planned.text).to.include('Nothing was done');
    expect((await journal('status')).text).to.equal(status.text);
    const adopted = await journal('adopt', '--all', '--yes');
    expect(adopted, adopted.error).to.include({ code: 0 });
    expect(adopted.text.match(/[12] chats moved on/g), adopted.text).to.have.length.within(1, 2);
    const again = await journal('adopt', '--all', '--yes');
    expect(again).to.include({ code: 0 });
    expect(again.text.match(/nothing was done/g)).to.have.length(4);

    await start();
    for (const [index, id] of chats.entries()) {
      const old = before[index] as Message[];
      const head = Math.max(...old.map(({ seq }) => seq));
      const { body } = await send(token, id, 'four');
      expect(body.seq).to.equal(head + 1_000_001);
      const now = await history(token, id);
      expect(now.slice(2)).to.deep.equal(old);
      const [sent, told] = now;
      expect(sent).to.include({ text: 'four', seq: body.seq });
      expect(told).to.deep.include({
        seq: head + 1_000_000,
        kind: 'service',
        service: { action: 'updated' },
      });
    }
    expect(await (await fetch(`${url}/metrics`)).text()).to.match(/^suhbat_quarantined_shards 0$/m);
    await stop();
    expect((await journal('status')).code).to.equal(0);
  });
});
