import { serveSocketIo } from './socket-io-rooms.ts';

/** Nothing kept. */
serveSocketIo();
