import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AccountClaims, Provider } from 'oidc-provider';

/** Somebody with an account at the provider. */
export interface Member {
  sub: string;
  email: string;
  email_verified: boolean;
  name?: string;
}

/** A real OpenID provider on this machine, in the place of Google. */
export interface Oidc {
  readonly issuer: string;
  /** Follows a browser from the URL where we send it, as this member; gives the URL that it is sent back to. */
  signIn(url: string, sub: string): Promise<string>;
  /** An id token of the provider for its other client, honest but not meant for us. */
  spoilTokens(spoil: ((body: Record<string, string>) => Record<string, string>) | undefined): void;
  stop(): Promise<void>;
}

export const clientId = 'suhbat';
export const otherClientId = 'somebody-else';
export const clientSecret = 'a-secret-that-only-the-two-of-us-know';

export async function startOidc(redirectUri: string, members: readonly Member[]): Promise<Oidc> {
  let provider: Provider | undefined;
  let spoil: ((body: Record<string, string>) => Record<string, string>) | undefined;
  const server = createServer((request, response) => void serve(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const issuer = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;

  const client = {
    client_secret: clientSecret,
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code'],
    response_types: ['code' as const],
  };
  provider = new Provider(issuer, {
    clients: [
      { ...client, client_id: clientId },
      { ...client, client_id: otherClientId },
    ],
    cookies: { keys: ['some key'] },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    conformIdTokenClaims: false,
    pkce: { required: () => false },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    async findAccount(_, sub) {
      const member = members.find((one) => one.sub === sub);
      return member && { accountId: sub, claims: async () => ({ ...member }) as AccountClaims };
    },
    async loadExistingGrant(context) {
      const { client: asking, session } = context.oidc;
      if (asking === undefined || session?.accountId === undefined) return undefined;
      const grant = new context.oidc.provider.Grant({
        clientId: asking.clientId,
        accountId: session.accountId,
      });
      grant.addOIDCScope('openid email profile');
      await grant.save();
      return grant;
    },
  });
  const handle = provider.callback();

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url?.startsWith('/interaction/')) {
      const accountId = String(request.headers['x-member']);
      await provider?.interactionFinished(request, response, { login: { accountId } });
      return;
    }
    if (request.url === '/token' && spoil !== undefined) {
      const { end } = response;
      const change = spoil;
      response.end = ((body: string | Buffer) => {
        const changed = JSON.stringify(change(JSON.parse(String(body))));
        response.setHeader('content-length', Buffer.byteLength(changed));
        return end.call(response, changed, 'utf8');
      }) as typeof response.end;
    }
    await handle(request, response);
  }

  return {
    issuer,
    async signIn(start, sub) {
      const cookies = new Map<string, string>();
      let url = start;
      for (let hops = 0; hops < 10; hops++) {
        const answer = await fetch(url, {
          redirect: 'manual',
          headers: { cookie: [...cookies.values()].join('; '), 'x-member': sub },
        });
        for (const line of answer.headers.getSetCookie()) {
          const [pair = ''] = line.split(';');
          cookies.set(pair.split('=')[0] ?? '', pair);
        }
        const location = answer.headers.get('location');
        if (location === null)
          throw new Error(`The provider answered ${answer.status}: ${await answer.text()}`);
        url = new URL(location, url).href;
        if (!url.startsWith(issuer)) return url;
      }
      throw new Error('The provider goes round in circles');
    },
    spoilTokens(wanted) {
      spoil = wanted;
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
