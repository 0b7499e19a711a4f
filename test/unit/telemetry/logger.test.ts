import { expect } from 'chai';
import { destination } from 'pino';
import { createLogger, namespaced } from '../../../ops/telemetry/logger.ts';

/** What one log call writes. */
function line(log: (logger: ReturnType<typeof createLogger>) => void): string {
  const stream = destination({ dest: '/dev/null', sync: true });
  let written = '';
  stream.write = (text: string) => {
    written += text;
    return true;
  };
  log(createLogger('info', stream));
  stream.end();
  return written;
}

describe('log lines', () => {
  it('are one JSON object each, with time, level and namespace', () => {
    const text = line((logger) => namespaced(logger, 'http').info({ request_id: 'r1', ms: 2 }, 'answered'));
    expect(text.match(/\n/g)).to.have.length(1);
    const parsed = JSON.parse(text);
    expect(parsed).to.include({ level: 'info', namespace: 'http', request_id: 'r1', ms: 2, msg: 'answered' });
    expect(new Date(parsed.time).toISOString()).to.equal(parsed.time);
  });

  it('carry no token, password, mail address, message text or header, however deep', () => {
    const secret = 'do-not-log-me';
    const text = line((logger) =>
      logger.warn({
        token: secret,
        headers: { authorization: secret, cookie: secret },
        body: { email: secret, password: secret, code: secret, list: [{ text: secret }] },
        request: { params: { code: secret }, deep: { deeper: { refresh_token: secret } } },
        meta: { ip: secret, device: secret },
      }),
    );
    expect(text).not.to.include(secret);
    expect(text).to.include('[redacted]');
  });

  it('keep the code of a refusal', () => {
    expect(JSON.parse(line((logger) => logger.info({ refusal: { code: 'conflict' } })))).to.deep.include({
      refusal: { code: 'conflict' },
    });
  });

  it('describe errors by type, code, message, stack and cause, and by nothing else they carry', () => {
    const cause = Object.assign(new Error('duplicate key'), { code: '23505', detail: 'Key (email)=(a@b.c)' });
    const error = Object.assign(new TypeError('failed', { cause }), { params: { email: 'a@b.c' } });
    for (const text of [
      line((logger) => logger.error({ err: error })),
      line((logger) => logger.error(error)),
      line((logger) => logger.error({ problem: { error } })),
    ]) {
      expect(text).not.to.include('a@b.c');
      expect(text).to.include('23505').and.to.include('duplicate key').and.to.include('TypeError');
    }
  });
});
