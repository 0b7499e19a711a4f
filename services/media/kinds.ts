import { fileTypeFromBuffer } from 'file-type';
import type { FileKind, UploadPurpose } from '../../schemas/rest/media.ts';
import { imageTypes } from './images.ts';

/** What bytes are, whatever anybody says about them. */
export interface Sniffed {
  mime_type: string;
  kind: FileKind;
}

const unknown: Sniffed = { mime_type: 'application/octet-stream', kind: 'file' };

/** Shown and played in pages; each one the name that browsers know. What is not here is only ever saved. */
const played: Readonly<Record<string, { mime_type: string; kind: FileKind }>> = {
  'video/mp4': { mime_type: 'video/mp4', kind: 'video' },
  'video/x-m4v': { mime_type: 'video/mp4', kind: 'video' },
  'video/quicktime': { mime_type: 'video/quicktime', kind: 'video' },
  'video/webm': { mime_type: 'video/webm', kind: 'video' },
  'video/ogg': { mime_type: 'video/ogg', kind: 'video' },
  'audio/mpeg': { mime_type: 'audio/mpeg', kind: 'audio' },
  'audio/mp4': { mime_type: 'audio/mp4', kind: 'audio' },
  'audio/x-m4a': { mime_type: 'audio/mp4', kind: 'audio' },
  'audio/aac': { mime_type: 'audio/aac', kind: 'audio' },
  'audio/ogg': { mime_type: 'audio/ogg', kind: 'audio' },
  'audio/ogg; codecs=opus': { mime_type: 'audio/ogg', kind: 'audio' },
  'audio/opus': { mime_type: 'audio/ogg', kind: 'audio' },
  'audio/wav': { mime_type: 'audio/wav', kind: 'audio' },
  'audio/flac': { mime_type: 'audio/flac', kind: 'audio' },
  'audio/x-flac': { mime_type: 'audio/flac', kind: 'audio' },
  'audio/webm': { mime_type: 'audio/webm', kind: 'audio' },
};

/** Types that a browser might run; they are nothing but bytes here. */
const active = /xml|html|svg|javascript|ecmascript|shockwave|xsl/;

/** How much of a file's beginning is looked at. */
export const sniffBytes = 64 * 1024;

export async function sniff(head: Uint8Array): Promise<Sniffed> {
  const found = (await fileTypeFromBuffer(head).catch(() => undefined))?.mime;
  if (found === undefined || active.test(found)) return unknown;
  if (imageTypes.includes(found)) return { mime_type: found, kind: 'image' };
  // Of one that moves the first frame is kept.
  if (found === 'image/apng') return { mime_type: 'image/png', kind: 'image' };
  const known = played[found];
  if (known !== undefined) return known;
  return { mime_type: found.replace(/;.*$/, ''), kind: 'file' };
}

/** Shown in a page, rather than saved. */
export function isInline(kind: FileKind): boolean {
  return kind !== 'file';
}

/** Names that clients give to the same types. */
const same: Readonly<Record<string, string>> = {
  'image/jpg': 'image/jpeg',
  'audio/mp3': 'audio/mpeg',
  'audio/x-wav': 'audio/wav',
  'audio/wave': 'audio/wav',
  'audio/x-flac': 'audio/flac',
  'audio/x-m4a': 'audio/mp4',
  'audio/m4a': 'audio/mp4',
  'audio/x-aac': 'audio/aac',
  'audio/opus': 'audio/ogg',
  'video/x-m4v': 'video/mp4',
};

/** Containers that hold either, whose beginning does not tell. */
const containers = ['mp4', 'webm', 'ogg'];

/** May a file that was promised as this type turn out to be that one? */
function fits(promised: string, found: string): boolean {
  const [one, other] = [same[promised] ?? promised, same[found] ?? found];
  if (one === other) return true;
  const [kind = '', form = ''] = one.split('/');
  const [otherKind = '', otherForm = ''] = other.split('/');
  const media = (name: string) => name === 'audio' || name === 'video';
  if (media(kind) && media(otherKind)) return form === otherForm && containers.includes(form);
  // What has no mark of its own, such as a text, may be promised as anything that is never shown.
  return found === 'application/octet-stream' && !media(kind) && kind !== 'image';
}

/** What an upload for this purpose, promised as this type, becomes; nothing where its bytes are something else. */
export function isKind(purpose: UploadPurpose, promised: string, found: Sniffed): Sniffed | undefined {
  // Kept as it is, and never shown. Who promised bytes of no known type has promised nothing that they could break.
  if (purpose === 'file') {
    const fit = promised === unknown.mime_type || fits(promised, found.mime_type);
    return fit ? { ...found, kind: 'file' } : undefined;
  }
  if (!fits(promised, found.mime_type)) return undefined;
  if (purpose === 'avatar' || purpose === 'image') return found.kind === 'image' ? found : undefined;
  const recorded = found.kind === 'audio' || found.kind === 'video';
  // A container does not tell what is in it; the promise does.
  return recorded ? { mime_type: same[promised] ?? promised, kind: purpose } : undefined;
}

/** Is this a type that an upload for this purpose may be promised as? */
export function mayPromise(purpose: UploadPurpose, type: string): boolean {
  const name = same[type] ?? type;
  if (purpose === 'file') return true;
  if (purpose === 'avatar' || purpose === 'image') return imageTypes.includes(name);
  return played[name] !== undefined && name.startsWith(purpose === 'voice' ? 'audio/' : 'video/');
}
