import { useComputed, useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { draftOf } from '../state/drafts.ts';
import type { ChatModel } from '../state/model.ts';
import { chatAddress, openChatId } from '../state/route.ts';
import type { Session } from '../state/session.ts';
import { lineOf, nameOf } from '../words/messages.ts';
import { shortTime } from '../words/times.ts';
import { words } from '../words/words.ts';
import { ChatAvatar } from './avatar.tsx';
import { isGroup, titleOf, typingWords } from './chat-words.ts';
import { Icon } from './icons.tsx';
import { moveFocus } from './roving.ts';
import { Ticks } from './ticks.tsx';

export interface ChatListProps {
  session: Session;
  onNewChat(): void;
  onSettings(): void;
}

/** The left side: every chat, the newest activity first. */
export function ChatList({ session, onNewChat, onSettings }: ChatListProps) {
  const w = words.value;
  const filter = useSignal('');
  const list = useRef<HTMLUListElement>(null);
  const search = useRef<HTMLInputElement>(null);
  const shown = useComputed(() => {
    const wanted = filter.value.trim().toLowerCase();
    return session.chats.sorted.value.filter((chat) => titleOf(chat).toLowerCase().includes(wanted));
  });
  const inOrder = shown.value.find(({ id }) => id === openChatId.value) ?? shown.value[0];

  function onKeyDown(event: KeyboardEvent) {
    if (event.key === 'Escape' && filter.value !== '') {
      filter.value = '';
      search.current?.focus();
    } else moveFocus(event, list.current, '.chat-row');
  }

  return (
    <nav class="sidebar" aria-label={w.chats}>
      <header class="bar">
        <button type="button" class="round" aria-label={w.settings} onClick={onSettings}>
          <Icon name="settings" />
        </button>
        <div class="search">
          <Icon name="search" small />
          <input
            ref={search}
            type="search"
            placeholder={w.filterChats}
            aria-label={w.filterChats}
            value={filter.value}
            onInput={({ currentTarget }) => {
              filter.value = currentTarget.value;
            }}
            onKeyDown={(event) => event.key === 'ArrowDown' && onKeyDown(event)}
          />
        </div>
        <button type="button" class="round accent" aria-label={w.newChat} onClick={onNewChat}>
          <Icon name="compose" />
        </button>
      </header>
      <div class="chat-rows">
        <ul ref={list}>
          {shown.value.map((chat) => (
            <li key={chat.id}>
              <ChatRow session={session} chat={chat} inOrder={chat === inOrder} onKeyDown={onKeyDown} />
            </li>
          ))}
        </ul>
        {shown.value.length === 0 && (
          <Empty synced={session.synced.value} filtered={filter.value !== ''} onNewChat={onNewChat} />
        )}
      </div>
    </nav>
  );
}

function Empty({ synced, filtered, onNewChat }: { synced: boolean; filtered: boolean; onNewChat(): void }) {
  const w = words.value;
  if (filtered) return <p class="empty">{w.nothingFound}</p>;
  if (!synced) return <p class="empty late">{w.loading}</p>;
  return (
    <div class="empty">
      <h2>{w.noChats}</h2>
      <p>{w.noChatsHint}</p>
      <button type="button" class="primary" onClick={onNewChat}>
        {w.findPeople}
      </button>
    </div>
  );
}

interface RowProps {
  session: Session;
  chat: ChatModel;
  inOrder: boolean;
  onKeyDown(event: KeyboardEvent): void;
}

function ChatRow({ session, chat, inOrder, onKeyDown }: RowProps) {
  const last = chat.last.value;
  const title = titleOf(chat);
  const unread = chat.unread.value;
  const open = chat.id === openChatId.value;
  return (
    <a
      class="chat-row"
      href={chatAddress(chat.id)}
      aria-current={open ? 'page' : undefined}
      tabIndex={inOrder ? 0 : -1}
      data-chat={chat.id}
      onKeyDown={onKeyDown}
    >
      <ChatAvatar session={session} chat={chat} />
      <span class="middle">
        <span class="line">
          <span class="title">
            {isGroup(chat) && <Icon name="people" small />}
            <span dir="auto">{title}</span>
          </span>
          {last !== null && last.sender_id === session.userId && last.kind !== 'service' && (
            <Ticks read={chat.othersRead.value >= last.seq} />
          )}
          {last !== null && <time dateTime={last.created_at}>{shortTime(last.created_at)}</time>}
        </span>
        <span class="line">
          <Preview session={session} chat={chat} open={open} />
          {unread > 0 && (
            <span class="badge">
              <span aria-hidden="true">{unread > 999 ? '999+' : unread}</span>
              <span class="unseen">{words.value.unread(unread)}</span>
            </span>
          )}
        </span>
      </span>
    </a>
  );
}

function Preview({ session, chat, open }: { session: Session; chat: ChatModel; open: boolean }) {
  const typing = typingWords(session, chat);
  const draft = draftOf(chat.id).value;
  const last = chat.last.value;
  const waiting = session.pending.all.value.findLast(({ chat_id }) => chat_id === chat.id);
  if (typing !== undefined) return <span class="preview active">{typing}</span>;
  if (!open && draft.text !== '' && draft.editing === undefined)
    return (
      <span class="preview">
        <span class="draft">{words.value.draft}:</span> {draft.text.slice(0, 100)}
      </span>
    );
  if (waiting !== undefined)
    return (
      <span class={waiting.error ? 'preview waiting refused' : 'preview waiting'}>
        <Icon name={waiting.error ? 'warning' : 'clock'} small />
        <span dir="auto">{waiting.text.slice(0, 100)}</span>
      </span>
    );
  if (last === null) return <span class="preview" />;
  const named = isGroup(chat) && last.kind !== 'service';
  return (
    <span class="preview" dir="auto">
      {named && <span class="who">{nameOf(session, last.sender_id)}: </span>}
      {lineOf(session, last, isGroup(chat))}
    </span>
  );
}
