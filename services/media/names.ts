/** A file's name as a client gave it, made safe to show and to save under; null where nothing is left of it. */
export function cleanName(given: string): string | null {
  // The last step of a path, whichever slash.
  const last = given.normalize('NFC').replaceAll('\\', '/').split('/').at(-1) ?? '';
  const visible = last
    // Control characters, what has no glyph, and what turns the direction: `gpj.exe` is not to look like `exe.jpg`.
    .replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu, '')
    .replaceAll(/[<>:"|?*]/g, '_')
    .replaceAll(/\s+/g, ' ');
  const name = cut(
    visible
      .trim()
      .replace(/^\.+/, '')
      .replace(/[. ]+$/, ''),
  );
  return name === '' ? null : name;
}

const nameBytes = 200;
const extensionBytes = 20;

/** Cuts before the extension, between characters. */
function cut(name: string): string {
  if (Buffer.byteLength(name) <= nameBytes) return name;
  const dot = name.lastIndexOf('.');
  const extension = dot > 0 && Buffer.byteLength(name.slice(dot)) <= extensionBytes ? name.slice(dot) : '';
  let kept = '';
  for (const char of name.slice(0, name.length - extension.length)) {
    if (Buffer.byteLength(kept + char + extension) > nameBytes) break;
    kept += char;
  }
  return `${kept}${extension}`;
}

/** The name with the extension of another type, after an image was written anew. */
export function withExtension(name: string | null, extension: string): string | null {
  if (name === null) return null;
  return cut(`${name.replace(/\.[A-Za-z0-9]{1,5}$/, '')}.${extension}`);
}
