import { signal } from '@preact/signals';
import { errorWords } from '../words/errors.ts';

/** Short words at the edge of the page, gone after a while. */

interface Notice {
  id: number;
  text: string;
}

const notices = signal<readonly Notice[]>([]);
const shownMs = 5_000;
const most = 3;
let count = 0;

export function notice(text: string): void {
  const id = ++count;
  notices.value = [...notices.value, { id, text }].slice(-most);
  setTimeout(() => {
    notices.value = notices.value.filter((one) => one.id !== id);
  }, shownMs);
}

/** For promises that nobody else looks after. */
export function tellFailure(error: unknown): void {
  notice(errorWords(error));
}

export function Notices() {
  return (
    <div class="notices" role="status">
      {notices.value.map(({ id, text }) => (
        <p key={id}>{text}</p>
      ))}
    </div>
  );
}

const spoken = signal('');

/** Says something to who cannot see it. */
export function announce(text: string): void {
  spoken.value = text;
}

export function Announcer() {
  return (
    <p class="unseen" aria-live="polite">
      {spoken}
    </p>
  );
}
