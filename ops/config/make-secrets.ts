import { randomBytes } from 'node:crypto';
import { makeTokenKey } from './token-key.ts';

/** `npm run secrets`: what the processes of one cluster share, as an `.env` file for docker-compose.yml. */
const secrets = {
  SUHBAT_TOKEN_KEY: Buffer.from(makeTokenKey()).toString('base64'),
  SUHBAT_REFRESH_SECRET: randomBytes(32).toString('base64url'),
  POSTGRES_PASSWORD: randomBytes(24).toString('base64url'),
};
for (const [name, value] of Object.entries(secrets)) process.stdout.write(`${name}=${value}\n`);
