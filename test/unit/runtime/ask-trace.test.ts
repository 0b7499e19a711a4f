import { expect } from 'chai';
import { createActors } from '../../../actors/client/actors.ts';
import { type AskOptions, askOptionsOf } from '../../../actors/client/ask.ts';
import { createShardMap } from '../../../actors/client/placement.ts';
import type { CallMeta } from '../../../ops/broker/call.ts';
import { askChat, type ChatsParts, peekChat } from '../../../services/chats/parts.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const moved = { refusal: { code: 'actor_moved' } };
const read = { type: 'chat.get', by: 'ann' } as never;

/** What its calls carry, each ask of which is repeated once. */
async function metasOf(ask: (parts: ChatsParts) => Promise<unknown>): Promise<CallMeta[]> {
  const clock = new VirtualClock();
  const metas: CallMeta[] = [];
  const actors = createActors({
    async callNode<Reply>(_node: string, _action: string, _params: object, meta: CallMeta) {
      metas.push(meta);
      return [metas.length === 1 ? moved : { reply: {} }] as Reply;
    },
    map: createShardMap(1, ['n1']),
    shards: 1,
    clock,
    random: () => 0.5,
    budgetMs: 5000,
    observe: () => {},
  });
  let over = false;
  const asked = ask({ actors } as ChatsParts).finally(() => (over = true));
  while (!over) await clock.advance(5);
  await asked;
  return metas;
}

describe('the trace of an ask', () => {
  const options: AskOptions = { requestId: 'r-1', trace };
  const ways: Record<string, (parts: ChatsParts, meta: CallMeta) => Promise<unknown>> = {
    ask: ({ actors }) => actors.ask('chat', 'a', [read], options),
    one: ({ actors }) => actors.one('chat', 'a', read, options),
    peek: ({ actors }) => actors.peek('chat', ['a'], read, options),
    'a command of a service': (parts, meta) => askChat(parts, 'a', read, meta),
    'a read of a service': (parts, meta) => peekChat(parts, 'a', read, meta),
  };
  for (const [name, ask] of Object.entries(ways))
    it(`goes with every try: ${name}`, async () => {
      const metas = await metasOf((parts) => ask(parts, { request_id: 'r-1', trace }));
      expect(metas).to.have.length(2);
      for (const meta of metas) expect(meta).to.include({ request_id: 'r-1', trace });
    });

  it('is in no call where there is none', async () => {
    const [meta] = await metasOf((parts) => askChat(parts, 'a', read, { request_id: 'r-1' }));
    expect(meta).to.have.all.keys('request_id', 'budget_ms');
  });

  it('is taken from the request with its id and budget', () => {
    const meta = { request_id: 'r-1', user_id: 'u-1' };
    expect(askOptionsOf(meta)).to.deep.equal({ requestId: 'r-1' });
    expect(askOptionsOf({ ...meta, budget_ms: 5 })).to.deep.equal({ requestId: 'r-1', budgetMs: 5 });
    expect(askOptionsOf({ ...meta, trace })).to.deep.equal({ requestId: 'r-1', trace });
    expect(askOptionsOf({ ...meta, trace, budget_ms: 5 })).to.deep.equal({
      requestId: 'r-1',
      trace,
      budgetMs: 5,
    });
  });
});
