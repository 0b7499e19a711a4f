import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';

/**
 * The PKCS#8 PEM of an ES256 key (P-256) that is given as PEM, with real or written-out line breaks, or
 * as the base64 of its PEM or DER; undefined for anything else.
 */
export function readTokenKey(given: string): string | undefined {
  const text = given.replaceAll('\\n', '\n').trim();
  const bytes = Buffer.from(text, 'base64');
  const readings: (() => KeyObject)[] = [
    () => createPrivateKey(text),
    () => createPrivateKey(bytes.toString('utf8')),
    () => createPrivateKey({ key: bytes, format: 'der', type: 'pkcs8' }),
  ];
  for (const read of readings) {
    const key = attempt(read);
    if (key?.asymmetricKeyDetails?.namedCurve === 'prime256v1') return pemOf(key);
  }
  return undefined;
}

export function makeTokenKey(): string {
  return pemOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
}

function pemOf(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'pkcs8' }).toString();
}

/** What cannot be read as a key throws; which of its many reasons it was does not matter here. */
function attempt(read: () => KeyObject): KeyObject | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
