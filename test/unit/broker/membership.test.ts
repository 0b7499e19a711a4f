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

  it('gives it the shards from when it enters until it drains, and it lives on', () => {
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
    expect([map.owner(0), map.isLive('only')]).to.deep.equal([undefined, true]);
    expect(changes).to.equal(4);
  });
});
