import { expect } from 'chai';
import { pino } from 'pino';
import { createBroker, createCall, defineService } from '../../../ops/broker/broker.ts';
import type { CallMeta } from '../../../ops/broker/call.ts';
import { fail, SuhbatError } from '../../../schemas/errors.ts';

const logger = pino({ level: 'silent' });
const meta: CallMeta = { request_id: 'r-1', user_id: 'u-1' };

/** What a call was refused with; anything else that it threw comes out as it is. */
async function refusalOf(promise: Promise<unknown>): Promise<object> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof SuhbatError) return error.refusal;
  throw error ?? new Error('it was not refused');
}

describe('the broker', () => {
  const broker = createBroker({ nodeId: 'here-1-a', logger, requestTimeoutMs: 2000 });
  const call = createCall(broker);
  let release: (() => void) | undefined;

  before(async () => {
    broker.createService(
      defineService('sums', {
        async add(params: { a: number; b: number }, given) {
          return { sum: params.a + params.b, meta: given };
        },
        refuse() {
          throw fail('conflict', { reason: 'username_taken', retry_after_ms: 3 });
        },
        bug() {
          throw new TypeError('a bug');
        },
        hang() {
          return new Promise<void>((resolve) => {
            release = resolve;
          });
        },
      }),
    );
    await broker.start();
  });
  after(() => broker.stop());

  it('hands params and meta to the handler and its reply to the caller', async () => {
    const reply = await call<{ sum: number; meta: CallMeta }>('sums.add', { a: 1, b: 2 }, meta);
    expect(reply.sum).to.equal(3);
    expect(reply.meta).to.deep.equal(meta);
  });

  it('lets a refusal come out of the call with everything it says', async () => {
    expect(await refusalOf(call('sums.refuse', {}, meta))).to.deep.equal({
      code: 'conflict',
      reason: 'username_taken',
      retry_after_ms: 3,
    });
  });

  it('rebuilds a refusal that crossed nodes as plain data', async () => {
    const crossing = broker.errorRegenerator;
    const plain = crossing?.extractPlainError(fail('gone', { reason: 'code_expired' }));
    const restored = crossing?.restore(JSON.parse(JSON.stringify(plain)), { sender: 'there-2-b' });
    broker.createService(
      defineService('far', {
        refuse() {
          throw restored;
        },
      }),
    );
    await broker.waitForServices('far');
    expect(await refusalOf(call('far.refuse', {}, meta))).to.deep.equal({
      code: 'gone',
      reason: 'code_expired',
    });
  });

  it('does not dress a bug up as a refusal', async () => {
    const error = await call('sums.bug', {}, meta).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(TypeError);
  });

  it('ends a call at its budget as timeout', async () => {
    const refusal = await refusalOf(call('sums.hang', {}, { ...meta, budget_ms: 20 }));
    release?.();
    expect(refusal).to.include({ code: 'timeout' });
  });

  it('does not start a call whose budget is spent', async () => {
    expect(await refusalOf(call('sums.add', { a: 1, b: 1 }, { ...meta, budget_ms: 0 }))).to.include({
      code: 'timeout',
    });
  });

  it('says unavailable where nobody offers the action', async () => {
    expect(await refusalOf(call('nobody.here', {}, meta))).to.include({ code: 'unavailable' });
  });
});
