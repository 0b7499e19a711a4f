/**
 * Keeps what the reader looks at where it is, whatever comes, goes or grows above it; or the end of the
 * list in sight, while the reader is there. (The browser's own scroll anchoring is not everywhere, and gives
 * up at the top.)
 */
export interface Anchor {
  /** The reader sees the end of what is in the document. */
  readonly atEnd: boolean;
  /** The reader scrolled: notes where. */
  note(): void;
  /** The rows have changed: puts everything back. */
  restore(): void;
  toEnd(): void;
  /** `place` 0 puts the element's top to the top of the view, 1 its bottom to the bottom. */
  show(element: HTMLElement, place: number): void;
}

const endPx = 60;

export function createAnchor(scroller: HTMLElement): Anchor {
  let atEnd = true;
  let key: string | undefined;
  let top = 0;

  const rows = () => scroller.querySelectorAll<HTMLElement>('[data-key]');

  /** The first row that reaches into the view. */
  function firstVisible(): HTMLElement | undefined {
    const all = rows();
    const edge = scroller.getBoundingClientRect().top;
    let low = 0;
    let high = all.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((all[middle]?.getBoundingClientRect().bottom ?? 0) <= edge) low = middle + 1;
      else high = middle;
    }
    return all[low];
  }

  function note() {
    atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < endPx;
    const row = firstVisible();
    key = row?.dataset.key;
    top = row?.getBoundingClientRect().top ?? 0;
  }

  return {
    get atEnd() {
      return atEnd;
    },
    note,
    restore() {
      if (atEnd) scroller.scrollTop = scroller.scrollHeight;
      else if (key !== undefined) {
        const row = scroller.querySelector(`[data-key="${key}"]`);
        if (row !== null) scroller.scrollTop += row.getBoundingClientRect().top - top;
      }
      note();
    },
    toEnd() {
      scroller.scrollTop = scroller.scrollHeight;
      note();
    },
    show(element, place) {
      const view = scroller.getBoundingClientRect();
      const row = element.getBoundingClientRect();
      scroller.scrollTop += row.top - view.top - place * Math.max(0, view.height - row.height);
      note();
    },
  };
}
