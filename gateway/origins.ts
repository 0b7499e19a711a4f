/** Which browser pages may talk to us: those of the allowlist, and (sockets) those of our own host. */
export interface Origins {
  /** May pages of this origin read answers of the API? */
  allows(origin: string): boolean;
  /** May this upgrade go on? A missing origin is no browser. */
  allowsSocket(origin: string, host: string): boolean;
}

export function createOrigins(allowed: readonly string[]): Origins {
  const list = new Set(allowed);
  return {
    allows: (origin) => list.has(origin),
    allowsSocket(origin, host) {
      if (origin === '' || list.has(origin)) return true;
      return host !== '' && (origin === `http://${host}` || origin === `https://${host}`);
    },
  };
}
