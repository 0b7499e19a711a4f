import { Events, type NatsConnection } from 'nats';
import { connectJoined } from './nats-transport.ts';

export interface NatsOptions {
  /** One or more servers of one cluster, separated by commas; user and password may stand in them. */
  url: string;
  /** What the server's monitoring shows. */
  name: string;
  onChange?(change: LinkChange): void;
}

/**
 * `lost`: from now on core publishes are lost. `back`: subscriptions hold again. `refused`: the server refused
 * something that expects no answer, such as a subscription.
 */
export type LinkChange = 'lost' | 'back' | 'refused';

/** A connection to NATS that comes back by itself, for as long as it is not closed. */
export interface NatsLink {
  readonly connection: NatsConnection;
  /** Is there a connection now, as far as this end knows? */
  up(): boolean;
  /** Tells of each break and each return; the returned function ends that. */
  onChange(listener: (change: LinkChange) => void): () => void;
  /** Sends what is buffered, then closes; within a second, or without it. */
  close(): Promise<void>;
}

/** A dead server is noticed within two pings: 4 s. */
const pingMs = 2000;
const unanswered = 2;
const reconnectMs = 250;
const connectMs = 5000;
const drainMs = 1000;

/** Rejects where no server answers at the start; after that it never gives up. */
export async function connectNats({ url, name, onChange }: NatsOptions): Promise<NatsLink> {
  const { servers, user, pass, token } = addressOf(url);
  const connection = await connectJoined({
    servers,
    name,
    ...(user !== undefined && { user }),
    ...(pass !== undefined && { pass }),
    ...(token !== undefined && { token }),
    timeout: connectMs,
    pingInterval: pingMs,
    maxPingOut: unanswered,
    reconnectTimeWait: reconnectMs,
    maxReconnectAttempts: -1,
    noEcho: false,
  });
  const listeners = new Set<(change: LinkChange) => void>(onChange === undefined ? [] : [onChange]);
  let up = true;

  async function follow(): Promise<void> {
    for await (const { type } of connection.status()) {
      const change = changes[type];
      if (change === undefined) continue;
      if (change === 'lost') up = false;
      if (change === 'back') up = true;
      for (const listener of [...listeners]) listener(change);
    }
  }
  void follow();

  return {
    connection,
    up: () => up && !connection.isClosed(),
    onChange(listener) {
      const own = (change: LinkChange) => listener(change);
      listeners.add(own);
      return () => void listeners.delete(own);
    },
    async close() {
      if (connection.isClosed()) return;
      const drained = connection.drain().catch(() => undefined);
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, drainMs);
      });
      await Promise.race([drained, late]);
      clearTimeout(timer);
      await connection.close().catch(() => undefined);
      up = false;
    },
  };
}

const changes: Record<string, LinkChange | undefined> = {
  [Events.Disconnect]: 'lost',
  [Events.Reconnect]: 'back',
  [Events.Error]: 'refused',
};

interface Address {
  servers: string[];
  user: string | undefined;
  pass: string | undefined;
  token: string | undefined;
}

/** The client takes credentials apart from the addresses; the first server's are everybody's. */
function addressOf(url: string): Address {
  const urls = url.split(',').map((each) => new URL(each.trim()));
  const { username = '', password = '' } = urls[0] ?? {};
  const named = password !== '';
  return {
    servers: urls.map(({ host }) => host),
    user: named ? decodeURIComponent(username) : undefined,
    pass: named ? decodeURIComponent(password) : undefined,
    token: !named && username !== '' ? decodeURIComponent(username) : undefined,
  };
}
