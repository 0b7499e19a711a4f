import type { ComponentChildren } from 'preact';

const address = /\bhttps?:\/\/[^\s<>"'`]+/gi;
const trailing = /[.,:;!?…)\]}»”’]+$/;

/** The text with its http and https addresses as links. Never HTML: the text stays text. */
export function LinkedText({ text }: { text: string }) {
  const parts: ComponentChildren[] = [];
  let end = 0;
  for (const { 0: found, index } of text.matchAll(address)) {
    const url = withoutTrailing(found);
    if (!isWebAddress(url)) continue;
    parts.push(text.slice(end, index), <Link url={url} />);
    end = index + url.length;
  }
  parts.push(text.slice(end));
  return <>{parts}</>;
}

function Link({ url }: { url: string }) {
  return (
    <a href={url} target="_blank" rel="noopener noreferrer nofollow">
      {url}
    </a>
  );
}

/** What ends a sentence does not belong to the address, unless it closes a bracket that is in it. */
function withoutTrailing(found: string): string {
  const cut = found.replace(trailing, '');
  return found.startsWith(`${cut})`) && cut.includes('(') ? `${cut})` : cut;
}

function isWebAddress(url: string): boolean {
  try {
    return /^https?:$/.test(new URL(url).protocol);
  } catch {
    return false;
  }
}
