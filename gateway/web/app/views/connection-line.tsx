import type { Session } from '../state/session.ts';
import { words } from '../words/words.ts';

/** Lies over the page, so that it moves nothing; who cannot see it hears it from the announcer. */
export function ConnectionLine({ session }: { session: Session }) {
  const lost = session.link.value === 'lost';
  return (
    <p class={lost ? 'connection' : 'connection hidden'} aria-hidden={!lost}>
      <span class="pulse" />
      {words.value.noConnection}
    </p>
  );
}
