import { expect } from 'chai';
import {
  beginRegister,
  ClientError,
  connect,
  endRegister,
  forgotPassword,
  login,
  resetPassword,
} from 'suhbat/client';
import { get, png } from './media/support.ts';
import { codeFor } from './support/mails.ts';
import { product, useProduct } from './support/program.ts';
import { freshAddress, freshName, freshPassword, keepSecret, say } from './support/secrets.ts';

async function refusal(call: Promise<unknown>): Promise<Partial<ClientError>> {
  const error = await call.catch((thrown: unknown) => thrown);
  expect(error).to.be.instanceOf(ClientError);
  const { code, reason } = error as ClientError;
  return { code, reason };
}

describe('the SDK and an account', function () {
  this.timeout(60_000);
  useProduct();

  it('begins by a code, keeps its profile by its tag, wears a picture, and gets a new password', async () => {
    const { url } = product();
    const [email, username, password] = [freshAddress(), freshName('sdk'), freshPassword()];
    const name = say('Nodira');
    const sent = await beginRegister(url, { email, username, name, password }, { language: 'uz' });
    expect(sent).to.deep.equal({ expires_in: 600 });
    const code = await codeFor(email);
    const other = code === '000000' ? '000001' : '000000';
    expect(await refusal(endRegister(url, { email, code: other }))).to.include({ reason: 'code_wrong' });
    const tokens = await endRegister(url, { email, code });
    for (const token of [tokens.access_token, tokens.refresh_token]) keepSecret(token);

    const client = connect({ url, tokens });
    try {
      const { profile, tag } = await client.profile();
      expect(profile).to.include({ username, email, email_verified: true, display_name: name });
      const changed = await client.updateProfile({ bio: say('Samarqand') }, tag);
      expect(changed.profile.bio).to.be.a('string');
      expect(changed.tag).to.not.equal(tag);
      const late = await refusal(client.updateProfile({ bio: null }, tag));
      expect(late).to.deep.equal({ code: 'conflict', reason: 'changed' });

      const { thumb_url } = await client.setAvatar(new Blob([await png(64, 64)]));
      expect((await get(thumb_url)).status).to.equal(200);
      expect((await client.me()).avatar?.thumb_url).to.equal(thumb_url);
      const broken = await refusal(client.setAvatar(new Blob(['no picture'])));
      expect(broken).to.deep.equal({ code: 'unprocessable', reason: 'not_an_image' });
      await client.removeAvatar();
      expect((await client.me()).avatar).to.equal(null);

      const next = freshAddress();
      expect(await refusal(client.changeEmail({ email: next }))).to.include({ reason: 'password_required' });
      await client.changeEmail({ email: next, current_password: password }, 'uz');
      const verified = await client.verifyEmail(await codeFor(next));
      expect(verified).to.include({ email: next, email_verified: true });

      await forgotPassword(url, { email: next });
      const again = freshPassword();
      const ended = new Promise((resolve) => client.on('signed_out', resolve));
      await resetPassword(url, { email: next, code: await codeFor(next, 2), new_password: again });
      await ended;
      const fresh = await login(url, { login: username, password: again });
      for (const token of [fresh.access_token, fresh.refresh_token]) keepSecret(token);
    } finally {
      client.close();
    }
  });
});
