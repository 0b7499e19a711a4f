import { expect } from 'chai';
import { addressGroup, createClientIp } from '../../../gateway/client-ip.ts';
import { lowerIds } from '../../../gateway/lower-ids.ts';
import { createOrigins } from '../../../gateway/origins.ts';

const bytes = (...values: number[]) => new Uint8Array(values).buffer;
const v6 = (text: string) => bytes(...(text.match(/../g) ?? []).map((hex) => Number.parseInt(hex, 16)));

describe('client addresses', () => {
  it('are the remote ones, in their usual form', () => {
    const { find } = createClientIp([]);
    expect(find(bytes(127, 0, 0, 1), '6.6.6.6')).to.equal('127.0.0.1');
    expect(find(v6('00000000000000000000ffff01020304'), '')).to.equal('1.2.3.4');
    expect(find(v6('20010db8000000000000000000000001'), '')).to.equal('2001:db8::1');
  });

  it('come from X-Forwarded-For behind trusted proxies, read from the right', () => {
    const { find } = createClientIp(['10.0.0.0/8', 'fd00::/8', '192.0.2.1']);
    const from = (forwarded: string, ...remote: number[]) => find(bytes(...remote), forwarded);
    expect(from('1.1.1.1', 11, 0, 0, 1)).to.equal('11.0.0.1');
    expect(from('6.6.6.6, 1.1.1.1 , 10.1.1.1', 192, 0, 2, 1)).to.equal('1.1.1.1');
    expect(from('1.1.1.1:8080', 10, 0, 0, 1)).to.equal('1.1.1.1');
    expect(from('[2001:DB8::0:1]:443', 10, 0, 0, 1)).to.equal('2001:db8::1');
    expect(from('fe80::1%eth0', 10, 0, 0, 1)).to.equal('fe80::1');
    expect(from('::ffff:1.2.3.4', 10, 0, 0, 1)).to.equal('1.2.3.4');
    expect(from('1.2.3.4, ::FFFF:10.0.0.9', 10, 0, 0, 1)).to.equal('1.2.3.4');
    expect(from('1.1.1.1, <script>', 10, 0, 0, 1)).to.equal('10.0.0.1');
    expect(from('', 10, 0, 0, 1)).to.equal('10.0.0.1');
    expect(from('10.0.0.2', 10, 0, 0, 1)).to.equal('10.0.0.2');
    expect(find(v6('fd000000000000000000000000000001'), '2.2.2.2')).to.equal('2.2.2.2');
  });

  it('are grouped by /64 where they are IPv6', () => {
    expect(addressGroup('1.2.3.4')).to.equal('1.2.3.4');
    expect(addressGroup('2001:db8:1:2:3:4:5:6')).to.equal('2001:db8:1:2::/64');
    expect(addressGroup('2001:db8::1')).to.equal('2001:db8:0:0::/64');
    expect(addressGroup('2001:db8:0:0:ffff::1')).to.equal('2001:db8:0:0::/64');
    expect(addressGroup('::1')).to.equal('0:0:0:0::/64');
  });
});

describe('origins', () => {
  it('are matched exactly; a socket may also come from our own host or from no page', () => {
    const origins = createOrigins(['https://chat.example']);
    expect(origins.allows('https://chat.example')).to.equal(true);
    for (const other of [
      '',
      'null',
      'https://chat.example:444',
      'https://chat.example.evil',
      'http://chat.example',
    ])
      expect(origins.allows(other), other).to.equal(false);
    expect(origins.allowsSocket('', 'x')).to.equal(true);
    expect(origins.allowsSocket('https://own.example', 'own.example')).to.equal(true);
    expect(origins.allowsSocket('https://own.example', '')).to.equal(false);
    expect(origins.allowsSocket('null', 'null')).to.equal(false);
  });
});

describe('ids of clients', () => {
  it('come in lower case, and nothing else changes', () => {
    const frame = {
      id: 'ABC',
      type: 'sync',
      text: 'ÄBC',
      chat_id: 'AB-C',
      user_ids: ['A', 'b'],
      chats: { AB: [1, 2] },
      target: 1,
      title: null,
    };
    lowerIds(frame);
    expect(frame).to.deep.equal({
      id: 'ABC',
      type: 'sync',
      text: 'ÄBC',
      chat_id: 'ab-c',
      user_ids: ['a', 'b'],
      chats: { ab: [1, 2] },
      target: 1,
      title: null,
    });
  });
});
