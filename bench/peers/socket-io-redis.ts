import { createAdapter } from '@socket.io/redis-adapter';
import { Redis } from 'ioredis';
import { serveSocketIo } from './socket-io-rooms.ts';

/**
 * One of several processes that share their rooms through Redis, with Socket.IO's own adapter; nothing kept. A chat's
 * messages are numbered in Redis: no process sees all of them.
 */
const url = process.env.REDIS_URL ?? '';
const commands = new Redis(url, { enableAutoPipelining: true });
serveSocketIo({
  number: (chat) => commands.incr(`seq:${chat}`),
  adapter: createAdapter(commands, new Redis(url)),
});
