import * as scene from '../../../gateway/documents/examples/scene.ts';
import { codeInFiles } from '../../support/mail-files.ts';
import type { World } from './world.ts';

/** What is asked before an example whose code must have come by a mail. */
export async function mailedCode(
  name: string,
  { url, dataDir }: { url: string; dataDir: string },
  world: World,
): Promise<string> {
  const ali = world.real(scene.people.ali.email);
  const newcomer = world.real('nodira@example.com');
  async function post(path: string, body: object): Promise<void> {
    const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${world.tokens.ali}` };
    const answer = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
  }
  switch (name) {
    case 'POST /api/v1/auth/email/verify':
      return codeInFiles(dataDir, ali);
    case 'POST /api/v1/auth/password/reset':
      await post('/api/v1/auth/email/verify', { code: await codeInFiles(dataDir, ali) });
      await post('/api/v1/auth/password/forgot', { email: ali });
      return codeInFiles(dataDir, ali, 2);
    case 'POST /api/v1/verify-register': {
      const { password } = scene;
      await post('/api/v1/register', {
        email: newcomer,
        username: world.real('nodira'),
        name: 'Nodira',
        password,
      });
      return codeInFiles(dataDir, newcomer);
    }
    default:
      await post('/api/v1/auth/email/verify', { code: await codeInFiles(dataDir, ali) });
      await post('/auth/email/request', { email: ali });
      return codeInFiles(dataDir, ali, 2);
  }
}
