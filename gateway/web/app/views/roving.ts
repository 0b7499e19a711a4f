/**
 * Arrow keys within a list of which one element takes part in the order of Tab. Returns the element that
 * has the focus now, undefined where the key was none of ours.
 */
export function moveFocus(
  event: KeyboardEvent,
  list: HTMLElement | null,
  selector: string,
): HTMLElement | undefined {
  const all = [...(list?.querySelectorAll<HTMLElement>(selector) ?? [])];
  const now = all.findIndex((element) => element.contains(document.activeElement));
  const at = target(event.key, now, all.length);
  const next = at === undefined ? undefined : all[at];
  if (next === undefined) return undefined;
  event.preventDefault();
  next.focus();
  return next;
}

function target(key: string, now: number, count: number): number | undefined {
  switch (key) {
    case 'ArrowDown':
    case 'ArrowRight':
      return Math.min(now + 1, count - 1);
    case 'ArrowUp':
    case 'ArrowLeft':
      return Math.max(now - 1, 0);
    case 'Home':
      return 0;
    case 'End':
      return count - 1;
  }
  return undefined;
}
