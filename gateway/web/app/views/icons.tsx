/** Line icons on a grid of 24, drawn in the colour of the text around them. */
const paths = {
  back: 'M15 5l-7 7 7 7',
  search: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16.5 16.5 21 21',
  compose: 'M12 20h8M5 16.5 15.8 5.7a2 2 0 0 1 2.8 2.8L7.8 19.3 4 20z',
  settings: 'M4 7h9M19 7h1M4 17h1M11 17h9M16 4.5v5M8 14.5v5',
  send: 'M4 12 20 4.5 14.5 20l-3-6.5z',
  check: 'M4.5 12.5l5 5 10-11',
  checks: 'M1.5 12.5l5 5 9-10M12 16.5l1.2 1 9.3-10',
  clock: 'M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v4.5l3 1.5',
  warning: 'M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v5M12 16v.1',
  close: 'M6 6l12 12M18 6 6 18',
  reply: 'M9 6l-5 5 5 5M4 11h9a7 7 0 0 1 7 7',
  more: 'M5 12h.1M12 12h.1M19 12h.1',
  down: 'M5 9l7 7 7-7',
  people:
    'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20a6.5 6.5 0 0 1 13 0M16 4.4a3.5 3.5 0 0 1 0 6.2M18 14.2a6.5 6.5 0 0 1 3.5 5.8',
  smile: 'M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM8.5 14a4.2 4.2 0 0 0 7 0M9 9.5v.1M15 9.5v.1',
  pencil: 'M5 16.5 15.8 5.7a2 2 0 0 1 2.8 2.8L7.8 19.3 4 20z',
  trash: 'M5 7h14M10 7V4.5h4V7M7 7l.8 12.5h8.4L17 7M10.5 11v5M13.5 11v5',
  copy: 'M9 9h10v11H9zM15 9V4H5v11h4',
  plus: 'M12 5v14M5 12h14',
  leave: 'M14 5H6v14h8M11 12h10M17.5 8.5 21 12l-3.5 3.5',
} as const;

export type IconName = keyof typeof paths;

/** Decoration: whatever holds it says what it means. */
export function Icon({ name, small = false }: { name: IconName; small?: boolean }) {
  return (
    <svg class={small ? 'icon small' : 'icon'} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}

/** The mark of Suhbat: an eight-pointed star that talks. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 64 64" aria-hidden="true" focusable="false">
      <path d="M32 4 40.2 12.2 51.8 12.2 51.8 23.8 60 32 51.8 40.2 51.8 51.8 40.2 51.8 32 60 23.8 51.8 12.2 51.8 12.2 40.2 4 32 12.2 23.8 12.2 12.2 23.8 12.2Z" />
      <circle cx="21" cy="32" r="4" />
      <circle cx="32" cy="32" r="4" />
      <circle cx="43" cy="32" r="4" />
    </svg>
  );
}
