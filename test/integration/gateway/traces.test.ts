import { expect } from 'chai';
import type { Route } from '../../../gateway/http/route.ts';
import { chatRoutes } from '../../../gateway/http/routes/chats.ts';
import { newId } from '../../../schemas/ids.ts';
import { until } from '../../support/until.ts';
import { connect, messageFrame } from './clients.ts';
import { raw } from './raw.ts';
import { type GatewayTest, startGateway } from './support.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const traceparent = `00-${traceId}-00f067aa0ba902b7-01`;

const broken: Route = {
  method: 'GET',
  path: '/broken',
  summary: '',
  auth: 'open',
  limit: 'none',
  replies: {},
  handle: async () => {
    throw new Error('a bug');
  },
};

describe('gateway: the trace that a client brings', () => {
  let test: GatewayTest;
  beforeEach(async () => {
    test = await startGateway({ routes: [...chatRoutes, broken] });
  });
  afterEach(() => test.stop());

  const linesOf = (id: string) =>
    until('the line', () => {
      const lines = test.lines.filter(({ request_id, route }) => request_id === id && route !== undefined);
      return lines.some(({ status }) => status !== undefined) && lines;
    });
  /** What all calls and asks carry. */
  const traces = () => [
    ...test.called.map(({ meta }) => meta.trace),
    ...test.askedFor.map(({ trace }) => trace),
  ];

  async function rest(method: string, path: string, headers: Record<string, string>, body?: object) {
    const token = test.token(newId());
    const answer = await fetch(test.base + path, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      ...(body && { body: JSON.stringify(body) }),
    });
    await answer.text();
    return answer;
  }

  it('goes with every call and ask of a REST request, and stands in its log lines', async () => {
    const id = newId();
    const headers = { traceparent, 'x-request-id': 'line-1' };
    await rest('GET', `/api/v1/users/${id}/presence`, headers);
    await rest('POST', '/api/v1/presence', headers, { user_ids: [id] });
    await rest('POST', '/presence/ping', headers);
    await rest('POST', `/api/v1/chats/${id}/typing`, headers, { active: true });
    await rest('GET', `/api/v1/chats/${id}/messages`, headers);
    expect(test.called.map(({ action }) => action)).to.deep.equal([
      'users.closed',
      'users.closed',
      'chats.history',
    ]);
    expect(test.asked).to.have.length(4);
    expect(traces()).to.deep.equal(Array(8).fill(traceparent));
    expect(test.askedFor.every(({ requestId }) => requestId === 'line-1')).to.equal(true);
    const [line] = await linesOf('line-1');
    expect(line).to.include({ trace_id: traceId });

    await rest('GET', '/broken', { traceparent, 'x-request-id': 'line-2' });
    expect((await linesOf('line-2')).map(({ trace_id }) => trace_id)).to.deep.equal([traceId, traceId]);
  });

  it('is not there where the header is missing, not valid, or given twice', async () => {
    const path = `/api/v1/users/${newId()}/presence`;
    await rest('GET', path, { 'x-request-id': 'line-1' });
    await rest('GET', path, { 'x-request-id': 'line-2', traceparent: `${traceparent}0` });
    const twice = `traceparent: ${traceparent}\r\n`.repeat(2);
    const token = `Authorization: Bearer ${test.token(newId())}\r\n`;
    await raw(test, `GET ${path} HTTP/1.1\r\nHost: x\r\nX-Request-Id: line-3\r\n${token}${twice}\r\n`).has(
      'HTTP/1.1 200',
    );
    expect(test.called).to.have.length(3);
    for (const { meta } of test.called) expect(meta).to.not.have.property('trace');
    for (const options of test.askedFor) expect(options).to.have.all.keys('requestId', 'budgetMs');
    for (const id of ['line-1', 'line-2', 'line-3'])
      for (const line of await linesOf(id)) expect(line).to.not.have.property('trace_id');
  });

  it('of an upgrade is that of all that the connection calls', async () => {
    const user = newId();
    test.services['users.take_ticket'] = () => ({ user_id: user, login_id: newId() });
    const client = await connect(test, { query: '?ticket=t-1', traceparent });
    await client.event('ready');
    const chat_id = newId();
    await client.request(messageFrame('1', { chat_id }));
    await client.request({ id: '2', type: 'history', chat_id });
    await client.request({ id: '3', type: 'presence.watch', user_ids: [newId()] });
    client.ws.close();
    const told = () => test.asked.flatMap(({ commands }) => commands.map(({ type }) => type));
    await until('the disconnect', () => told().includes('disconnect'));
    expect(told()).to.deep.equal(['connect', 'message.send', 'presence.get', 'disconnect']);
    expect(test.called.map(({ action }) => action)).to.deep.equal([
      'users.take_ticket',
      'chats.attach',
      'chats.history',
      'users.closed',
    ]);
    expect(traces()).to.deep.equal(Array(9).fill(traceparent));
  });

  it('of an upgrade that is not valid is ignored', async () => {
    const client = await connect(test, { token: test.token(newId()), traceparent: 'x' });
    await client.event('ready');
    await client.request(messageFrame('1', { chat_id: newId() }));
    expect(test.askedFor).to.have.length(2);
    for (const options of test.askedFor) expect(options).to.have.all.keys('requestId', 'budgetMs');
    expect(test.called[0]?.meta).to.not.have.property('trace');
  });

  it('of an event stream is that of the ticket that it came with, and of what attaches it', async () => {
    test.services['users.take_ticket'] = () => ({ user_id: newId(), login_id: newId() });
    const abort = new AbortController();
    const { signal } = abort;
    await fetch(`${test.base}/api/v1/events?ticket=t-1`, { headers: { traceparent }, signal });
    await until('the calls', () => test.called.length === 2);
    expect(test.called.map(({ meta }) => meta.trace)).to.deep.equal([traceparent, traceparent]);
    abort.abort();
  });
});
