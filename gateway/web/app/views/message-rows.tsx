import type { ComponentChildren } from 'preact';
import type { Message } from '../../../client/index.ts';
import { dayOf, dayWords } from '../words/times.ts';
import { words } from '../words/words.ts';
import type { ChatView } from './chat-view.ts';
import { MessageRow, PendingRow } from './message-row.tsx';

export interface RowsProps {
  view: ChatView;
  shown: readonly Message[];
  /** The first of them is the chat's first. */
  atStart: boolean;
  /** The last of them is the newest: what waits in the outbox follows. */
  attached: boolean;
  unreadFrom: number | undefined;
  /** The seq of the row that takes part in the order of Tab. */
  active: number | undefined;
  marked: number | undefined;
  onKeyDown(event: KeyboardEvent): void;
  onFocus(seq: number): void;
}

/** One person's messages stand together while no more than this lies between them. */
const togetherMs = 5 * 60_000;

export function Rows(props: RowsProps) {
  const { view, shown, atStart, attached, unreadFrom, active, marked, onKeyDown, onFocus } = props;
  const { session, chat } = view;
  const rows: ComponentChildren[] = [];
  let divided = unreadFrom === undefined;
  for (const [at, message] of shown.entries()) {
    const before = shown[at - 1];
    const after = shown[at + 1];
    const newDay = before ? dayOf(before.created_at) !== dayOf(message.created_at) : atStart;
    if (newDay) rows.push(<Day key={`day ${message.seq}`} at={message.created_at} />);
    const begins =
      !divided &&
      message.seq >= (unreadFrom ?? 0) &&
      message.kind !== 'service' &&
      message.sender_id !== session.userId;
    if (begins) {
      divided = true;
      rows.push(<UnreadFrom key="unread" />);
    }
    rows.push(
      <MessageRow
        key={message.seq}
        view={view}
        message={message}
        first={begins || newDay || !together(before, message)}
        last={!together(message, after)}
        inOrder={message.seq === active}
        marked={message.seq === marked}
      />,
    );
  }
  const waiting = attached ? session.pending.all.value.filter(({ chat_id }) => chat_id === chat.id) : [];
  return (
    <ol
      class="rows"
      aria-label={words.value.messages}
      onKeyDown={onKeyDown}
      onFocusIn={({ target }) => {
        const key = (target as HTMLElement).closest<HTMLElement>('li[data-key]:not(.pending)')?.dataset.key;
        if (key !== undefined) onFocus(Number(key));
      }}
    >
      {rows}
      {waiting.map((pending) => (
        <PendingRow key={pending.client_id} view={view} pending={pending} />
      ))}
    </ol>
  );
}

function together(before: Message | undefined, after: Message | undefined): boolean {
  if (before === undefined || after === undefined) return false;
  if (before.sender_id !== after.sender_id || before.kind === 'service' || after.kind === 'service')
    return false;
  if (dayOf(before.created_at) !== dayOf(after.created_at)) return false;
  return Date.parse(after.created_at) - Date.parse(before.created_at) <= togetherMs;
}

function Day({ at }: { at: string }) {
  return (
    <li class="row day">
      <span>{dayWords(at)}</span>
    </li>
  );
}

function UnreadFrom() {
  return (
    <li class="row unread-from">
      <span>{words.value.newMessages}</span>
    </li>
  );
}
