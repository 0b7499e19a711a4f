import { randomBytes } from 'node:crypto';

/** Everything that no log may hold, as far as these tests send it. */

/** Stands in every text, title, name, address and password that tests make up. */
const mark = 'hushhush';
/** Tokens and tickets, which the program makes. */
const issued = new Set<string>();
let count = 0;

/** A text that no other test says. */
export function say(words = 'hello'): string {
  return `${words} ${mark} ${++count}`;
}

/** A username of nobody else; of at most 30 characters. */
export function freshName(name = 'user'): string {
  return `${name.slice(0, 8)}_${mark}_${randomBytes(5).toString('hex')}`;
}

export function freshAddress(): string {
  return `${randomBytes(6).toString('hex')}@${mark}.example`;
}

export function freshPassword(): string {
  return `${mark} ${randomBytes(6).toString('hex')}`;
}

export function keepSecret(token: string): string {
  issued.add(token);
  return token;
}

/** Throws with the first line of the log that holds a secret. */
export function expectNoSecrets(log: string): void {
  for (const line of log.split('\n')) {
    const found = line.toLowerCase().includes(mark) || /eyJ[\w-]{8,}\./.test(line);
    if (found) throw new Error(`The log holds what it must not: ${line}`);
  }
  for (const token of issued)
    if (log.includes(token)) throw new Error(`The log holds a token: …${token.slice(-8)}`);
}
