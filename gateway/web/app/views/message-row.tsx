import type { Message, Reaction } from '../../../client/index.ts';
import type { Pending } from '../state/pending.ts';
import { errorWords } from '../words/errors.ts';
import { lineOf, nameOf, serviceWords } from '../words/messages.ts';
import { clockTime } from '../words/times.ts';
import { words } from '../words/words.ts';
import { colourOf, UserAvatar } from './avatar.tsx';
import type { ChatView } from './chat-view.ts';
import { isGroup } from './chat-words.ts';
import { Icon } from './icons.tsx';
import { LinkedText } from './linked-text.tsx';
import { Ticks } from './ticks.tsx';

export interface MessageRowProps {
  view: ChatView;
  message: Message;
  /** The first, and the last, of one person's messages in a row. */
  first: boolean;
  last: boolean;
  /** Takes part in the order of Tab. */
  inOrder: boolean;
  /** A jump has just come here. */
  marked: boolean;
}

export function MessageRow(props: MessageRowProps) {
  const { view, message, first, last, inOrder, marked } = props;
  const { session, chat } = view;
  const group = isGroup(chat);
  if (message.kind === 'service') {
    return (
      <li class="row service" data-key={message.seq} tabIndex={inOrder ? 0 : -1}>
        <span>{serviceWords(session, message, group)}</span>
      </li>
    );
  }
  const own = message.sender_id === session.userId;
  const deleted = message.deleted_at !== null;
  const name = nameOf(session, message.sender_id);
  const faces = group && !own;
  const classes = [
    'row',
    own && 'own',
    first && 'first',
    last && 'last',
    faces && 'faces',
    marked && 'marked',
  ];
  const menuNear = (target: EventTarget) => {
    const near = (target as HTMLElement).closest('li')?.querySelector<HTMLElement>('.bubble');
    if (near && !deleted) view.openMenu(message, near);
  };
  return (
    <li
      class={classes.filter(Boolean).join(' ')}
      data-key={message.seq}
      tabIndex={inOrder ? 0 : -1}
      onKeyDown={(event) => {
        if (event.target !== event.currentTarget || !['Enter', ' ', 'ContextMenu'].includes(event.key))
          return;
        event.preventDefault();
        menuNear(event.currentTarget);
      }}
      onClick={(event) => {
        // A finger has no hovering: it taps the message.
        const { target } = event;
        const touch = 'pointerType' in event && event.pointerType === 'touch';
        if (!touch || !(target instanceof Element)) return;
        if (target.closest('.bubble') !== null && target.closest('a, button') === null) menuNear(target);
      }}
      onContextMenu={(event) => {
        if (deleted || (event.target as HTMLElement).closest('a')) return;
        event.preventDefault();
        menuNear(event.currentTarget);
      }}
    >
      {faces && last && <UserAvatar session={session} id={message.sender_id} name={name} size="small" />}
      <div class="bubble">
        {faces && first ? (
          <span class={`sender colour-${colourOf(message.sender_id)}`} dir="auto">
            {name}
          </span>
        ) : (
          <span class="unseen">{name}:</span>
        )}
        {message.reply_to !== null && !deleted && (
          <Quote view={view} seq={message.reply_to} inOrder={inOrder} />
        )}
        {deleted ? (
          <span class="text deleted">{words.value.messageDeleted}</span>
        ) : (
          <span class="text" dir="auto">
            <LinkedText text={message.text} />
          </span>
        )}
        <span class="meta">
          {message.edited_at !== null && !deleted && <span>{words.value.edited}</span>}
          <time dateTime={message.created_at}>{clockTime(message.created_at)}</time>
          {own && <Ticks read={chat.othersRead.value >= message.seq} />}
        </span>
        <Reactions view={view} message={message} inOrder={inOrder} />
      </div>
      {!deleted && (
        <span class="tools">
          <button
            type="button"
            class="round"
            tabIndex={inOrder ? 0 : -1}
            aria-label={words.value.actions}
            onClick={(event) => menuNear(event.currentTarget)}
          >
            <Icon name="more" small />
          </button>
        </span>
      )}
    </li>
  );
}

/** Always as high as it will be: what it names may come later. */
function Quote({ view, seq, inOrder }: { view: ChatView; seq: number; inOrder: boolean }) {
  const { session, chat, jump } = view;
  const quoted = session.history.quoted(chat, seq).value;
  const name = quoted ? nameOf(session, quoted.sender_id) : '';
  return (
    <button
      type="button"
      class={`quote colour-${quoted ? colourOf(quoted.sender_id) : 0}`}
      tabIndex={inOrder ? 0 : -1}
      onClick={() => jump(seq)}
    >
      <span class="unseen">{words.value.inReplyTo(name)}</span>
      <span class="sender" aria-hidden="true">
        {name || '…'}
      </span>
      <span class="line">{quoted ? lineOf(session, quoted, isGroup(chat)) : '…'}</span>
    </button>
  );
}

function Reactions({ view, message, inOrder }: Omit<MessageRowProps, 'first' | 'last' | 'marked'>) {
  if (message.reactions.length === 0) return null;
  return (
    <span class="reactions">
      {message.reactions.map((reaction) => (
        <button
          key={reaction.emoji}
          type="button"
          aria-pressed={isOwn(view, reaction)}
          aria-label={words.value.reaction(reaction.emoji, reaction.count)}
          tabIndex={inOrder ? 0 : -1}
          onClick={() => view.react(message, reaction.emoji)}
        >
          <span class="emoji">{reaction.emoji}</span> {reaction.count}
        </button>
      ))}
    </span>
  );
}

export const isOwn = ({ session }: ChatView, { user_ids }: Reaction) => user_ids.includes(session.userId);

/** A message that waits in the outbox, or was refused. */
export function PendingRow({ view, pending }: { view: ChatView; pending: Pending }) {
  const w = words.value;
  const { session } = view;
  const { client_id, text, reply_to, error } = pending;
  return (
    <li class="row own first last pending" data-key={client_id}>
      <div class={error ? 'bubble refused' : 'bubble'}>
        {reply_to !== undefined && <Quote view={view} seq={reply_to} inOrder={false} />}
        <span class="text" dir="auto">
          <LinkedText text={text} />
        </span>
        <span class="meta">
          <span class="ticks">
            <Icon name={error ? 'warning' : 'clock'} small />
            <span class="unseen">{error ? w.notSent : w.sending}</span>
          </span>
        </span>
        {error && (
          <span class="refusal">
            {w.notSent}: {errorWords(error)}
            <button type="button" class="link" onClick={() => session.pending.retry(client_id)}>
              {w.tryAgain}
            </button>
            <button type="button" class="link" onClick={() => session.pending.discard(client_id)}>
              {w.discard}
            </button>
          </span>
        )}
      </div>
    </li>
  );
}
