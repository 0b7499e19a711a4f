import { words } from '../words/words.ts';
import { Icon } from './icons.tsx';

/** How far a message of one's own has come. */
export function Ticks({ read }: { read: boolean }) {
  return (
    <span class={read ? 'ticks read' : 'ticks'}>
      <Icon name={read ? 'checks' : 'check'} small />
      <span class="unseen">{read ? words.value.read : words.value.sent}</span>
    </span>
  );
}
