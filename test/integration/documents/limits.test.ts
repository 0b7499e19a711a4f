import { expect } from 'chai';
import { routeExamples } from '../../../gateway/documents/examples/examples.ts';
import { differences } from './alike.ts';
import { commonProblem, useServer } from './server.ts';

describe('the documents on limits', function () {
  this.timeout(120_000);

  const server = useServer({ SUHBAT_LIMIT_AUTH_PER_IP: '1' });

  it('say what a caller over the rate is told', async () => {
    const example = routeExamples['POST /api/v1/auth/login']?.bad_credentials;
    const login = () =>
      fetch(`${server().url}/api/v1/auth/login`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(example?.body),
      });
    expect((await login()).status).to.equal(401);
    const refused = await login();
    expect(refused.status).to.equal(429);
    expect(Number(refused.headers.get('retry-after'))).to.be.at.least(1);
    expect(refused.headers.get('ratelimit')).to.match(/^"authPerIp";r=0;t=\d+$/);
    expect(refused.headers.get('ratelimit-policy')).to.equal('"authPerIp";q=1;w=60');
    const value = commonProblem(server().openApi, 'RateLimited', 'rate_limited');
    expect(differences(value, await refused.json())).to.deep.equal([]);
  });
});
