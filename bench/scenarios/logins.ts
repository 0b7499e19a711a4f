import type { Bench } from '../bench.ts';
import { castOf } from '../measure.ts';
import type { Row, Scenario } from '../scenario.ts';
import type { Suhbat } from '../server/suhbat.ts';
import { compileFirst, town, townRow } from './latency.ts';

const offeredPerS = 100;
const messagesPerS = 500;
const account = { email: 'bench@example.com', username: 'bench', password: 'a long password' };

async function post(url: string, body: object): Promise<number> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  await answer.arrayBuffer();
  return answer.status;
}

/** Logs in so often, whatever is answered, until stopped: how often each status came. */
function offerLogins(suhbat: Suhbat): () => Promise<Map<number, number>> {
  const answers = new Map<number, number>();
  const open = new Set<Promise<void>>();
  const { username: login, password } = account;
  const timer = setInterval(() => {
    const one: Promise<void> = post(`${suhbat.url}/api/v1/auth/login`, { login, password })
      .catch(() => 0)
      .then((status) => {
        answers.set(status, (answers.get(status) ?? 0) + 1);
        open.delete(one);
      });
    open.add(one);
  }, 1000 / offeredPerS);
  return async () => {
    clearInterval(timer);
    await Promise.all(open);
    return answers;
  };
}

async function storm(bench: Bench, suhbat: Suhbat): Promise<Row[]> {
  const status = await post(`${suhbat.url}/api/v1/auth/register`, account);
  if (status !== 201) throw new Error(`the registration was answered with ${status}`);
  return bench.driver(async (driver) => {
    const cast = await castOf(suhbat, town);
    await driver.connect(suhbat, cast.clients);
    await compileFirst({ driver, subject: suhbat, cast });
    const calm = await townRow(bench, { subject: suhbat, driver, cast }, messagesPerS);
    const stop = offerLogins(suhbat);
    const stormy = await townRow(bench, { subject: suhbat, driver, cast }, messagesPerS);
    const answers = await stop();
    const [let_in, limited] = [answers.get(200) ?? 0, answers.get(429) ?? 0];
    const all = [...answers.values()].reduce((sum, count) => sum + count, 0);
    return [
      { ...calm, case: 'no logins' },
      {
        ...stormy,
        case: `${offeredPerS} logins/s offered`,
        figures: {
          ...stormy.figures,
          'logged in': let_in,
          'refused with 429': limited,
          'other answers': all - let_in - limited,
        },
      },
    ];
  });
}

export const logins: Scenario = {
  name: 'logins',
  about: `What ${offeredPerS} logins a second do to a chat of 1,000 users at ${messagesPerS} messages/s.`,
  short: false,
  charts: [{ title: 'Ack, 99th percentile', figure: 'ack p99 ms' }],
  async run(bench) {
    const rows = await bench.suhbat((suhbat) => storm(bench, suhbat));
    const stormy = rows[1]?.figures ?? {};
    return {
      rows,
      verdicts: ['ack p99', 'deliver p99'].map((what) => ({
        what: `${what} while ${offeredPerS} logins/s are offered`,
        value: stormy[`${what} ms`] ?? Number.NaN,
        unit: 'ms',
        bar: { max: 50 },
      })),
    };
  },
};
