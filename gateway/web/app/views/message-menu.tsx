import { useLayoutEffect, useRef } from 'preact/hooks';
import type { Message } from '../../../client/index.ts';
import { words } from '../words/words.ts';
import type { ChatView } from './chat-view.ts';
import { isGroup } from './chat-words.ts';
import { Icon, type IconName } from './icons.tsx';
import { isOwn } from './message-row.tsx';
import { moveFocus } from './roving.ts';

/** What may be done with one message. */
export const emojis = ['👍', '❤️', '😂', '😮', '😢', '🙏', '🔥'];
const margin = 8;

export interface MessageMenuProps {
  view: ChatView;
  message: Message;
  near: HTMLElement;
  onDelete(): void;
  onCopy(): void;
  onClose(): void;
}

export function MessageMenu({ view, message, near, onDelete, onCopy, onClose }: MessageMenuProps) {
  const menu = useRef<HTMLDivElement>(null);
  const w = words.value;
  const { userId } = view.session;
  const own = message.sender_id === userId;
  const manages = isGroup(view.chat) && view.chat.chat.value.role !== 'member';

  useLayoutEffect(() => {
    const element = menu.current;
    if (element === null) return;
    element.showPopover();
    place(element, near.getBoundingClientRect(), own);
    element.querySelector<HTMLElement>('button')?.focus();
  }, [near, own]);

  /** The focus goes back to the message, unless what was chosen takes it elsewhere. */
  function run(action: () => void, back = true) {
    onClose();
    if (back) near.closest('li')?.focus();
    action();
  }

  const mine = message.reactions.find((reaction) => isOwn(view, reaction))?.emoji;
  return (
    <div
      ref={menu}
      class="menu"
      popover="auto"
      role="menu"
      aria-label={w.actions}
      tabIndex={-1}
      onToggle={(event) => event.newState === 'closed' && onClose()}
      onKeyDown={(event) => {
        if (event.key === 'Escape' || event.key === 'Tab') {
          event.preventDefault();
          event.stopPropagation();
          run(() => {});
        } else moveFocus(event, menu.current, 'button');
      }}
    >
      <span class="emojis" role="presentation">
        {emojis.map((emoji) => (
          <button
            key={emoji}
            type="button"
            role="menuitemradio"
            aria-checked={emoji === mine}
            aria-label={w.reactWith(emoji)}
            tabIndex={-1}
            onClick={() => run(() => view.react(message, emoji))}
          >
            <span class="emoji">{emoji}</span>
          </button>
        ))}
      </span>
      <Item icon="reply" label={w.reply} onClick={() => run(() => view.reply(message), false)} />
      <Item icon="copy" label={w.copy} onClick={() => run(onCopy)} />
      {own && <Item icon="pencil" label={w.edit} onClick={() => run(() => view.edit(message), false)} />}
      {(own || manages) && <Item icon="trash" label={w.delete} danger onClick={() => run(onDelete)} />}
    </div>
  );
}

interface ItemProps {
  icon: IconName;
  label: string;
  danger?: boolean;
  onClick(): void;
}

function Item({ icon, label, danger = false, onClick }: ItemProps) {
  return (
    <button
      type="button"
      role="menuitem"
      tabIndex={-1}
      class={danger ? 'danger' : undefined}
      onClick={onClick}
    >
      <Icon name={icon} small /> {label}
    </button>
  );
}

/** Beside the message, and wholly on the page. */
function place(element: HTMLElement, near: DOMRect, own: boolean): void {
  const { offsetWidth: width, offsetHeight: height } = element;
  const left = own ? near.right - width : near.left;
  const below = near.bottom + 4;
  const top = below + height + margin <= innerHeight ? below : near.top - height - 4;
  element.style.left = `${Math.max(margin, Math.min(left, innerWidth - width - margin))}px`;
  element.style.top = `${Math.max(margin, Math.min(top, innerHeight - height - margin))}px`;
}
