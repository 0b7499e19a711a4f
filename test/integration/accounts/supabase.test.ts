import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import { expect } from 'chai';
import { clientId, clientSecret, type Oidc, startOidc } from '../../support/oidc.ts';
import { type Program, startProgram } from '../../support/process.ts';

const publicUrl = 'http://suhbat.example';
const returnTo = 'http://app.example/in';

describe('the real supabase-js client', function () {
  this.timeout(60_000);

  let folder: string;
  let program: Program;
  let oidc: Oidc;
  let url: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'suhbat-supabase-'));
    const member = { sub: '1', email: 'ann@example.com', email_verified: true, name: 'Ann' };
    oidc = await startOidc(`${publicUrl}/auth/google/callback`, [member]);
    program = startProgram({
      env: {
        SUHBAT_DATA_DIR: folder,
        SUHBAT_RATE_LIMIT_FACTOR: '1000',
        PUBLIC_URL: publicUrl,
        GOOGLE_CLIENT_ID: clientId,
        GOOGLE_CLIENT_SECRET: clientSecret,
        GOOGLE_ISSUER: oidc.issuer,
        RETURN_TO: returnTo,
      },
    });
    url = await program.ready();
  });
  after(async () => {
    program?.signal('SIGTERM');
    await program?.ended();
    await oidc?.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  const device = (): SupabaseClient =>
    createClient(url, 'any key', { auth: { autoRefreshToken: false, persistSession: false } });
  const password = 'correct horse';

  it('signs up, is told who it is, signs out, and its tokens are dead', async () => {
    const client = device();
    const email = 'malika@example.com';
    const options = { data: { username: 'malika', theme: 'dark' } };
    const { data, error } = await client.auth.signUp({ email, password, options });
    expect(error).to.equal(null);
    expect(data.session?.user).to.deep.include({ email, aud: 'authenticated' });
    expect(data.user?.user_metadata).to.include({ username: 'malika' });
    const { data: me } = await client.auth.getUser();
    expect(me.user?.id).to.equal(data.user?.id);
    const token = data.session?.access_token ?? '';
    expect((await client.auth.signOut()).error).to.equal(null);
    const late = await device().auth.getUser(token);
    expect(late.error?.name).to.equal('AuthSessionMissingError');
  });

  it('signs up without a name, and signs in by password; a wrong one is told by its code', async () => {
    const email = 'nameless@example.com';
    const { data } = await device().auth.signUp({ email, password });
    expect(data.user?.user_metadata.username).to.match(/^user\d+$/);
    const { data: again } = await device().auth.signInWithPassword({ email, password });
    expect(again.user?.id).to.equal(data.user?.id);
    const { error } = await device().auth.signInWithPassword({ email, password: 'not this' });
    expect(error).to.include({ code: 'invalid_credentials', status: 401 });
    expect(error?.message).to.equal('The name or the password is wrong');
    const weak = await device().auth.signUp({ email: 'x@example.com', password: 'x'.repeat(73) });
    expect(weak.error).to.include({ code: 'weak_password', status: 422 });
  });

  it('refreshes its session, and signs the others out', async () => {
    const email = 'devices@example.com';
    const first = device();
    await first.auth.signUp({ email, password });
    const second = device();
    const { data } = await second.auth.signInWithPassword({ email, password });
    const { data: fresh, error } = await second.auth.refreshSession();
    expect(error).to.equal(null);
    expect(fresh.session?.refresh_token).to.not.equal(data.session?.refresh_token);
    await second.auth.signOut({ scope: 'others' });
    expect((await first.auth.getUser()).error?.name).to.equal('AuthSessionMissingError');
    expect((await second.auth.getUser()).error).to.equal(null);
    const { error: bad } = await device().auth.refreshSession({ refresh_token: 'nonsense' });
    expect(bad).to.include({ code: 'refresh_token_not_found' });
  });

  it('goes to Google and comes back with a session', async () => {
    const client = device();
    const options = { redirectTo: returnTo, skipBrowserRedirect: true };
    const { data } = await client.auth.signInWithOAuth({ provider: 'google', options });
    const off = await fetch(data.url ?? '', { redirect: 'manual' });
    const cookie = (off.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
    const there = new URL(await oidc.signIn(off.headers.get('location') ?? '', '1'));
    const back = await fetch(`${url}${there.pathname}${there.search}`, {
      redirect: 'manual',
      headers: { cookie },
    });
    const location = new URL(back.headers.get('location') ?? '');
    expect(location.origin + location.pathname).to.equal(returnTo);
    const fragment = new URLSearchParams(location.hash.slice(1));
    const session = {
      access_token: fragment.get('access_token') ?? '',
      refresh_token: fragment.get('refresh_token') ?? '',
    };
    expect((await client.auth.setSession(session)).error).to.equal(null);
    expect((await client.auth.getUser()).data.user?.email).to.equal('ann@example.com');
    const elsewhere = await client.auth.signInWithOAuth({
      provider: 'google',
      options: { redirectTo: 'https://evil.example/', skipBrowserRedirect: true },
    });
    expect((await fetch(elsewhere.data.url ?? '', { redirect: 'manual' })).status).to.equal(400);
  });
});
