import { expect } from 'chai';
import type { CallMeta } from '../../../ops/broker/call.ts';
import { createPatientCalls } from '../../../ops/broker/patient-call.ts';
import { fail, SuhbatError } from '../../../schemas/errors.ts';
import { settled, VirtualClock } from '../../support/virtual-clock.ts';

const meta: CallMeta = { request_id: 'r-1', budget_ms: 1000 };
const noService = () => fail('unavailable', { reason: 'no_service' });

/** One action, that is offered or not, and fails as it is told. */
function service() {
  const clock = new VirtualClock();
  const begun = clock.monotonic();
  const listeners = new Set<() => void>();
  const made: { who: unknown; at: number; budget: number | undefined }[] = [];
  const scene = { has: false, refusal: undefined as unknown };
  const calls = createPatientCalls({
    async call<Reply>(_: string, params: object, { budget_ms }: CallMeta): Promise<Reply> {
      const who = Object.values(params)[0];
      made.push({ who, at: clock.monotonic() - begun, budget: budget_ms });
      if (scene.refusal !== undefined) throw scene.refusal;
      if (!scene.has) throw noService();
      return who as Reply;
    },
    offers: {
      has: () => scene.has,
      onChange(listener) {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
    },
    clock,
    random: () => 0.5,
    budgetMs: 2000,
    most: 2,
  });
  return {
    clock,
    made,
    scene,
    calls,
    listeners,
    ask: (who: string, of = meta) => calls.call<string>('sums.add', { who }, of),
    tell(has: boolean) {
      scene.has = has;
      for (const listener of listeners) listener();
    },
  };
}

/** What it was refused with, once it is. */
async function refusalOf(promise: Promise<unknown>): Promise<object> {
  const error = await promise.then(
    () => new Error('it was answered'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof SuhbatError) return error.refusal;
  throw error;
}

describe('calls that wait for a service', () => {
  it('are made when somebody serves it, in the order in which they were asked, with what is left of their budgets', async () => {
    const { clock, made, ask, tell, calls } = service();
    const both = Promise.all([ask('a'), ask('b')]);
    await clock.advance(300);
    expect(calls.waiting()).to.equal(2);
    tell(false);
    await clock.advance(100);
    tell(true);
    expect(await both).to.deep.equal(['a', 'b']);
    expect(made.slice(2)).to.deep.equal([
      { who: 'a', at: 400, budget: 600 },
      { who: 'b', at: 400, budget: 600 },
    ]);
    expect(calls.waiting()).to.equal(0);
    expect(clock.next).to.equal(undefined);
  });

  it('are refused as they were where nobody comes, while there is time to tell', async () => {
    const { clock, made, ask } = service();
    const refused = refusalOf(ask('a'));
    const unbudgeted = refusalOf(ask('b', { request_id: 'r-2' }));
    await clock.advance(799);
    expect(made).to.have.length(2);
    await clock.advance(1);
    expect(await refused).to.deep.equal(noService().refusal);
    expect(clock.next).to.equal(clock.monotonic() + 800);
    await clock.advance(800);
    expect(await unbudgeted).to.deep.equal(noService().refusal);
    expect(made).to.have.length(2);
  });

  it('do not wait for longer than the usual budget allows, however long they may take', async () => {
    const { clock, ask } = service();
    const refused = refusalOf(ask('a', { ...meta, budget_ms: 60_000 }));
    await clock.advance(1599);
    expect(clock.next).to.equal(clock.monotonic() + 1);
    await clock.advance(1);
    expect(await refused).to.deep.equal(noService().refusal);
  });

  it('are made again where it is offered and refused all the same: by a node that is about to end', async () => {
    const { clock, made, scene, ask } = service();
    Object.assign(scene, { has: true, refusal: noService() });
    const answer = ask('a');
    await settled();
    await clock.advance(25 + 50);
    expect(made.map(({ at }) => at)).to.deep.equal([0, 25, 75]);
    scene.refusal = undefined;
    await clock.advance(100);
    expect(await answer).to.equal('a');
    expect(made.at(-1)).to.deep.equal({ who: 'a', at: 175, budget: 825 });
  });

  it('are made once where they were refused for another reason, or may have been done', async () => {
    const { made, scene, ask } = service();
    for (const refusal of [
      fail('timeout'),
      fail('unavailable', { reason: 'overloaded' }),
      fail('conflict', { reason: 'no_service' }),
    ]) {
      scene.refusal = refusal;
      expect(await refusalOf(ask('a'))).to.equal(refusal.refusal);
    }
    scene.refusal = new TypeError('a bug');
    const bug = await ask('a').catch((thrown: unknown) => thrown);
    expect(bug).to.equal(scene.refusal);
    expect(made).to.have.length(4);
  });

  it('are bounded: one more is refused at once', async () => {
    const { clock, ask, tell } = service();
    const both = Promise.all([ask('a'), ask('b')]);
    await settled();
    expect(await refusalOf(ask('c'))).to.deep.equal(noService().refusal);
    tell(true);
    await both;
    expect(clock.next).to.equal(undefined);
  });

  it('are refused at the end of the process, and nothing listens any more', async () => {
    const { clock, ask, calls, made, listeners } = service();
    const refused = refusalOf(ask('a'));
    await settled();
    calls.close();
    expect(await refused).to.deep.equal(noService().refusal);
    expect(await refusalOf(ask('b'))).to.deep.equal(noService().refusal);
    expect(made).to.have.length(2);
    expect(listeners.size).to.equal(0);
    expect(clock.next).to.equal(undefined);
  });
});
