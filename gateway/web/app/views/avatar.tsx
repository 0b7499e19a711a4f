/** A circle with the first letters of a name; the colour stays with the id. */

const colours = 8;

export function colourOf(id: string): number {
  let sum = 0;
  for (let at = 0; at < id.length; at++) sum = (sum * 31 + id.charCodeAt(at)) >>> 0;
  return (sum >>> 7) % colours; // ids made together differ at their ends only
}

function initials(name: string): string {
  const parts = name.trim().split(/\s+/).slice(0, 2);
  return parts.map((part) => [...part][0]?.toUpperCase() ?? '').join('');
}

export interface AvatarProps {
  id: string;
  name: string;
  online?: boolean;
  size?: 'small' | 'large';
}

export function Avatar({ id, name, online = false, size }: AvatarProps) {
  return (
    <span class={`avatar colour-${colourOf(id)} ${size ?? ''}`} aria-hidden="true">
      {initials(name)}
      {online && <span class="online-dot" />}
    </span>
  );
}
