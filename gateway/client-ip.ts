import { BlockList, isIP } from 'node:net';

/** Whom a request comes from: through proxies that we trust, and no others. */
export interface ClientIp {
  /** Are there trusted proxies at all? If not, `X-Forwarded-For` need not be read. */
  readonly proxies: boolean;
  /** `forwarded`: every `X-Forwarded-For` line of the request in order, joined by commas. */
  find(remote: ArrayBuffer, forwarded: string): string;
}

/** `trusted`: addresses and CIDR blocks of our own proxies. */
export function createClientIp(trusted: readonly string[]): ClientIp {
  const proxies = new BlockList();
  for (const block of trusted) {
    const [address = '', bits] = block.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) proxies.addAddress(address, family);
    else proxies.addSubnet(address, Number(bits), family);
  }
  const isOurs = (ip: string) => proxies.check(ip, isIP(ip) === 6 ? 'ipv6' : 'ipv4');

  return {
    proxies: trusted.length > 0,
    /** Each proxy appends whom it saw: the last that is none of ours is the client; left of it anyone may lie. */
    find(remote, forwarded) {
      let ip = addressText(remote);
      const hops = forwarded === '' ? [] : forwarded.split(',');
      while (hops.length > 0 && trusted.length > 0 && isOurs(ip)) {
        const hop = plainAddress(hops.pop()?.trim() ?? '');
        if (hop === undefined) return ip;
        ip = hop;
      }
      return ip;
    },
  };
}

/** What limits count by: an IPv6 customer holds a whole /64, so that is one; IPv4 as it is. */
export function addressGroup(ip: string): string {
  if (!ip.includes(':')) return ip;
  const [head = '', tail = ''] = ip.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === '' ? [] : tail.split(':');
  const zeros = ip.includes('::') ? 8 - before.length - after.length : 0;
  const groups = [...before, ...Array<string>(Math.max(0, zeros)).fill('0'), ...after];
  return `${groups.slice(0, 4).join(':')}::/64`;
}

/** `1.2.3.4`, `[::1]:80` or `1.2.3.4:80` as a bare address. */
function plainAddress(text: string): string | undefined {
  const bare = /^\[(.+)\](:\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
  const version = isIP(bare);
  if (version === 0) return undefined;
  return version === 6 ? plainV6(bare.split('%')[0] ?? '') : bare;
}

/** Compressed, in lower case; an IPv4 address inside it as IPv4, as it arrives at a socket for both. */
function plainV6(text: string): string {
  const ip = new URL(`http://[${text}]`).hostname.slice(1, -1);
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(ip) ?? [];
  if (high === undefined || low === undefined) return ip;
  const bytes = [high, low].map((group) => Number.parseInt(group, 16));
  return bytes.flatMap((group) => [group >> 8, group & 255]).join('.');
}

/** 4 or 16 bytes as text. */
function addressText(address: ArrayBuffer): string {
  const bytes = new Uint8Array(address);
  // Asked for with every request: `join` would cost a microsecond more.
  if (bytes.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`;
  if (bytes.length !== 16) return 'unknown';
  const view = new DataView(address);
  const groups = Array.from({ length: 8 }, (_, at) => view.getUint16(at * 2).toString(16));
  return plainV6(groups.join(':'));
}
