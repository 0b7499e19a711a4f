import { expect } from 'chai';
import { createLocalBus } from '../../../ops/bus/local-bus.ts';

describe('the bus of one process', () => {
  it('brings an envelope to everybody who subscribed, in order, until they end it', () => {
    const bus = createLocalBus();
    const heard: string[] = [];
    const end = bus.subscribe('a', ({ frame }) => heard.push(`one ${frame}`));
    bus.subscribe('a', ({ frame }) => heard.push(`two ${frame}`));
    bus.publish('a', { frame: '1' });
    end();
    end();
    bus.publish('a', { frame: '2' });
    bus.publish('b', { frame: '3' });
    expect(heard).to.deep.equal(['one 1', 'two 1', 'two 2']);
  });

  it('keeps the error of one handler from the publisher and from the others', async () => {
    const bus = createLocalBus();
    const heard: string[] = [];
    bus.subscribe('a', () => {
      throw new Error('a bug');
    });
    bus.subscribe('a', ({ frame }) => heard.push(frame));
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    try {
      const reported = new Promise<Error>((resolve) => process.once('uncaughtException', resolve));
      bus.publish('a', { frame: '1' });
      expect(heard).to.deep.equal(['1']);
      expect((await reported).message).to.equal('a bug');
    } finally {
      for (const listener of others) process.on('uncaughtException', listener);
    }
  });
});
