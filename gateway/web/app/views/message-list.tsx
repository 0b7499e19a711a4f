import { useSignal } from '@preact/signals';
import type { RefObject } from 'preact';
import { useEffect, useImperativeHandle, useLayoutEffect, useRef } from 'preact/hooks';
import type { Message } from '../../../client/index.ts';
import { indexOf } from '../state/model.ts';
import { words } from '../words/words.ts';
import { type Anchor, createAnchor } from './anchor.ts';
import type { ChatView } from './chat-view.ts';
import { Icon } from './icons.tsx';
import { Rows } from './message-rows.tsx';
import { endSlice, inSlice, newerSlice, olderSlice, type Slice, sliceAround } from './slice.ts';

export interface ListHandle {
  jump(seq: number): Promise<boolean>;
  toEnd(): void;
  /** Puts the focus on the newest message. */
  focusLast(): void;
}

/** The reader is this near to an end of the document's part: more rows come. */
const nearPx = 1_200;
/** Rows left above when older messages are asked for. */
const nearRows = 80;
const markMs = 1_600;

/** The loaded messages of the open chat, as many as are worth it in the document. */
export function MessageList({ view, handle }: { view: ChatView; handle: RefObject<ListHandle | null> }) {
  const { session, chat } = view;
  const { messages: loaded, complete, loadingOlder } = chat.history;
  const messages = loaded.value;
  const scroller = useRef<HTMLDivElement>(null);
  const anchor = useRef<Anchor | undefined>(undefined);
  /** Where the reader's unread messages began when the chat was opened. */
  const unreadFrom = useRef(chat.unread.peek() > 0 ? chat.read.peek() + 1 : undefined);
  const slice = useSignal<Slice>(
    unreadFrom.current === undefined ? endSlice(messages) : sliceAround(messages, unreadFrom.current),
  );
  const marked = useSignal<number | undefined>(undefined);
  const active = useSignal<number | undefined>(undefined);
  const away = useSignal(false);
  /** Where the next rendering shall stand: at the end, or at a message that gets the focus. */
  const wanted = useRef<number | 'end' | undefined>(undefined);
  const { shown, start, end } = inSlice(messages, slice.value);
  const attached = end === messages.length;

  /** After each change of the rows: puts the view back, and says what was seen. */
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    if (anchor.current === undefined) {
      anchor.current = createAnchor(element);
      const divider = element.querySelector<HTMLElement>('.unread-from');
      if (divider !== null) anchor.current.show(divider, 0.25);
      else anchor.current.toEnd();
    } else if (wanted.current === undefined) anchor.current.restore();
    else arrive(anchor.current, wanted.current);
    settle();
  });

  useEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    // The keyboard of a phone, a growing composer, a turned screen.
    const sizes = new ResizeObserver(() => anchor.current?.restore());
    sizes.observe(element);
    const seen = () => settle();
    document.addEventListener('visibilitychange', seen);
    addEventListener('focus', seen);
    return () => {
      sizes.disconnect();
      document.removeEventListener('visibilitychange', seen);
      removeEventListener('focus', seen);
    };
  }, []);

  function onScroll() {
    anchor.current?.note();
    settle();
  }

  /** Brings rows that will be needed, and marks what was read. */
  function settle() {
    const element = scroller.current;
    if (element === null) return;
    const list = loaded.peek();
    const now = inSlice(list, slice.peek());
    const below = element.scrollHeight - element.scrollTop - element.clientHeight;
    if (element.scrollTop < nearPx && now.start > 0) slice.value = olderSlice(list, slice.peek());
    else if (below < nearPx && now.end < list.length) slice.value = newerSlice(list, slice.peek());
    else if (now.end === list.length && now.shown.length > 300 && anchor.current?.atEnd)
      slice.value = endSlice(list); // many came in while the end was followed
    if (now.start < nearRows && !complete.peek() && element.scrollTop < 2 * nearPx)
      void session.history.older(chat);
    away.value = now.end < list.length || !(anchor.current?.atEnd ?? true);
    readVisible(element, list, now.end === list.length);
  }

  function readVisible(element: HTMLElement, list: readonly Message[], atListEnd: boolean) {
    if (document.visibilityState !== 'visible' || !document.hasFocus()) return;
    const newest = list.at(-1);
    if (newest === undefined) return;
    if (atListEnd && anchor.current?.atEnd) return session.chats.read(chat, newest.seq);
    const edge = element.getBoundingClientRect().bottom;
    const rows = [...element.querySelectorAll<HTMLElement>('li[data-key]:not(.pending)')];
    const last = rows.findLast((row) => row.getBoundingClientRect().bottom <= edge + 1);
    if (last !== undefined) session.chats.read(chat, Number(last.dataset.key));
  }

  const rowOf = (seq: number) =>
    scroller.current?.querySelector<HTMLElement>(`li[data-key="${seq}"]`) ?? undefined;

  function go(next: Slice, to: number | 'end') {
    wanted.current = to;
    slice.value = next;
  }

  function arrive(at: Anchor, to: number | 'end') {
    wanted.current = undefined;
    if (to === 'end') return at.toEnd();
    const row = rowOf(to);
    if (row === undefined) return at.restore();
    at.show(row, 0.5);
    focusRow(to);
  }

  const toEnd = () => go(endSlice(loaded.peek()), 'end');

  useImperativeHandle(handle, () => ({
    async jump(seq) {
      if (!(await session.history.reach(chat, seq))) return false;
      marked.value = seq;
      go(sliceAround(loaded.peek(), seq), seq);
      setTimeout(() => {
        if (marked.value === seq) marked.value = undefined;
      }, markMs);
      return true;
    },
    toEnd,
    focusLast() {
      const last = loaded.peek().at(-1);
      if (last === undefined) return;
      go(endSlice(loaded.peek()), last.seq);
    },
  }));

  function focusRow(seq: number) {
    active.value = seq;
    const row = rowOf(seq);
    row?.focus({ preventScroll: true });
    row?.scrollIntoView({ block: 'nearest' });
  }

  /** One row further, also beyond those that are in the document. */
  function step(by: number) {
    const list = loaded.peek();
    const now = indexOf(list, active.peek() ?? list.at(-1)?.seq ?? 0);
    const next = list[Math.min(Math.max(now + by, 0), list.length - 1)];
    if (next === undefined) return;
    if (now + by >= list.length) return view.write();
    if (rowOf(next.seq) !== undefined) focusRow(next.seq);
    else go(sliceAround(list, next.seq), next.seq);
  }

  function onKeyDown(event: KeyboardEvent) {
    const onRow = (event.target as HTMLElement).matches('li');
    if (!onRow || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === 'ArrowUp') step(-1);
    else if (event.key === 'ArrowDown') step(1);
    else if (event.key === 'Home') step(-loaded.peek().length);
    else if (event.key === 'End') go(endSlice(loaded.peek()), loaded.peek().at(-1)?.seq ?? 'end');
    else return;
    event.preventDefault();
  }

  const unread = chat.unread.value;
  return (
    <div class="messages">
      <div class="scroller" ref={scroller} onScroll={onScroll}>
        <Rows
          view={view}
          shown={shown}
          atStart={start === 0 && complete.value}
          attached={attached}
          unreadFrom={unreadFrom.current}
          active={active.value ?? messages.at(-1)?.seq}
          marked={marked.value}
          onKeyDown={onKeyDown}
          onFocus={(seq) => {
            active.value = seq;
          }}
        />
      </div>
      {loadingOlder.value && start < nearRows && <p class="loading-older">{words.value.loading}</p>}
      <button
        type="button"
        class={away.value ? 'round to-end' : 'round to-end hidden'}
        tabIndex={away.value ? 0 : -1}
        aria-hidden={!away.value}
        aria-label={words.value.toNewest}
        onClick={toEnd}
      >
        <Icon name="down" />
        {unread > 0 && <span class="badge">{unread > 999 ? '999+' : unread}</span>}
      </button>
    </div>
  );
}
