import { once } from 'node:events';
import { SMTPServer } from 'smtp-server';

/** A mail as it came over the wire. */
export interface Received {
  /** Every address that it was handed over for. */
  to: string[];
  raw: string;
}

/** A real SMTP server on this machine that keeps what it is given. */
export interface MailServer {
  readonly url: string;
  readonly mails: Received[];
  /** Nobody listens until `start`, which takes the same port. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

export async function startMailServer(): Promise<MailServer> {
  const mails: Received[] = [];
  let server: SMTPServer | undefined;
  let port = 0;

  async function start(): Promise<void> {
    const made = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      logger: false,
      closeTimeout: 100,
      onData(stream, session, taken) {
        const pieces: Buffer[] = [];
        stream.on('data', (piece: Buffer) => pieces.push(piece));
        stream.on('end', () => {
          mails.push({
            to: session.envelope.rcptTo.map(({ address }) => address),
            raw: Buffer.concat(pieces).toString(),
          });
          taken();
        });
      },
    });
    made.on('error', () => {});
    const listening = made.listen(port, '127.0.0.1');
    await once(listening, 'listening');
    const address = listening.address();
    if (typeof address === 'object' && address !== null) port = address.port;
    server = made;
  }

  await start();
  return {
    get url() {
      return `smtp://127.0.0.1:${port}`;
    },
    mails,
    start,
    async stop() {
      const ending = server;
      server = undefined;
      if (ending !== undefined) await new Promise<void>((resolve) => ending.close(() => resolve()));
    },
  };
}

/** The value of a header that stands on one line, decoded. */
export function headerOf({ raw }: Received, name: string): string | undefined {
  const head = raw.split(/\r?\n\r?\n/)[0] ?? '';
  const value = new RegExp(`^${name}: (.*(?:\\r?\\n[ \\t].*)*)`, 'im').exec(head)?.[1];
  return value
    ?.replaceAll(/\r?\n[ \t]/g, ' ')
    .replaceAll(/\?= =\?/g, '?==?')
    .replaceAll(/=\?utf-8\?q\?([^?]*)\?=/gi, (_, text: string) => quoted(text.replaceAll('_', ' ')))
    .replaceAll(/=\?utf-8\?b\?([^?]*)\?=/gi, (_, text: string) => Buffer.from(text, 'base64').toString());
}

/** The body of one part, decoded. */
export function partOf({ raw }: Received, type: 'text/plain' | 'text/html'): string {
  const part =
    raw.split(/\r?\n--/).find((piece) => piece.toLowerCase().includes(`content-type: ${type}`)) ?? '';
  const at = part.search(/\r?\n\r?\n/);
  const body = part.slice(at).trim();
  const coding = /content-transfer-encoding: (\S+)/i.exec(part.slice(0, at))?.[1]?.toLowerCase();
  if (coding === 'base64') return Buffer.from(body, 'base64').toString();
  return coding === 'quoted-printable' ? quoted(body.replaceAll(/=\r?\n/g, '')) : body;
}

function quoted(text: string): string {
  const bytes = text.replaceAll(/=([0-9A-F]{2})/gi, (_, hex: string) =>
    String.fromCharCode(parseInt(hex, 16)),
  );
  return /=[0-9A-F]{2}/i.test(text) ? Buffer.from(bytes, 'latin1').toString() : text;
}

/** The six digits that it brings. */
export function codeOf(mail: Received): string {
  const code = /\b\d{6}\b/.exec(partOf(mail, 'text/plain'))?.[0];
  if (code === undefined) throw new Error('This mail brings no code');
  return code;
}
