import { expect } from 'chai';
import type { ServiceBroker } from 'moleculer';
import { createShardMap, followMembership } from '../../../actors/client/placement.ts';
import { createBroker } from '../../../ops/broker/broker.ts';
import { createMembership } from '../../../ops/broker/membership.ts';
import { createLogger } from '../../../ops/telemetry/logger.ts';

describe('membership of one node alone', () => {
  let broker: ServiceBroker;

  beforeEach(() => {
    broker = createBroker({ nodeId: 'only', logger: createLogger('silent'), requestTimeoutMs: 1000 });
  });
  afterEach(() => broker.stop());

  it('is this node, and each change is seen at once, once', () => {
    const membership = createMembership(broker);
    const seen: unknown[] = [];
    const end = membership.onChange(() => seen.push(membership.members()));
    expect(membership.members()).to.deep.equal([{ id: 'only', roles: [], draining: false }]);
    membership.enter(['actors', 'gateway']);
    membership.enter(['actors', 'gateway']);
    membership.drain();
    end();
    membership.enter(['services']);
    const both = { id: 'only', roles: ['actors', 'gateway'] };
    expect(seen).to.deep.equal([[{ ...both, draining: false }], [{ ...both, draining: true }]]);
  });

  it('gives the shards to those that stay, and calls them live who drain', () => {
    const map = createShardMap(64);
    const node = (id: string, draining: boolean) => ({ id, roles: ['actors'], draining });
    const members = [
      node('stays', false),
      node('leaves', true),
      { id: 'gate', roles: ['gateway'], draining: false },
    ];
    const none = () => {};
    followMembership(map, { members: () => members, onChange: () => none, enter: none, drain: none });
    const owners = new Set(Array.from({ length: 64 }, (_, shard) => map.owner(shard)));
    expect([...owners]).to.deep.equal(['stays']);
    expect(['stays', 'leaves', 'gate', 'gone'].map(map.isLive)).to.deep.equal([true, true, true, false]);
  });

  it('gives it the shards from when it enters to its end: nobody else could take them', () => {
    const membership = createMembership(broker);
    const map = createShardMap(4);
    let changes = 0;
    followMembership(map, membership, () => changes++);
    expect([map.owner(0), map.isLive('only')]).to.deep.equal([undefined, true]);
    membership.enter(['gateway']);
    expect(map.owner(0)).to.equal(undefined);
    membership.enter(['gateway', 'actors']);
    expect(map.owner(0)).to.equal('only');
    membership.drain();
    expect(map.owner(0)).to.equal('only');
    expect(changes).to.equal(4);
  });
});
