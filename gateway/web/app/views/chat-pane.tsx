import { useComputed, useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import type { Message } from '../../../client/index.ts';
import { draftOf } from '../state/drafts.ts';
import type { ChatModel } from '../state/model.ts';
import { closeChat } from '../state/route.ts';
import type { Session } from '../state/session.ts';
import { words } from '../words/words.ts';
import { ChatAvatar } from './avatar.tsx';
import type { ChatView } from './chat-view.ts';
import { isGroup, statusWords, titleOf, typingWords } from './chat-words.ts';
import { Composer, type ComposerHandle } from './composer.tsx';
import { ConnectionLine } from './connection-line.tsx';
import { Question } from './dialog.tsx';
import { GroupDialog } from './group-dialog.tsx';
import { Icon } from './icons.tsx';
import { type ListHandle, MessageList } from './message-list.tsx';
import { MessageMenu } from './message-menu.tsx';
import { notice, tellFailure } from './notices.tsx';

const hasKeyboard = matchMedia('(hover: hover) and (pointer: fine)');

/** The right side: one chat. */
export function ChatPane({ session, chat }: { session: Session; chat: ChatModel }) {
  const w = words.value;
  const list = useRef<ListHandle>(null);
  const composer = useRef<ComposerHandle>(null);
  const menu = useSignal<{ message: Message; near: HTMLElement } | undefined>(undefined);
  const deleting = useSignal<Message | undefined>(undefined);
  const showGroup = useSignal(false);

  // At once, or the first letters of who types on would be lost. On a touch screen it would bring up the keyboard.
  useLayoutEffect(() => {
    if (hasKeyboard.matches) composer.current?.focus();
  }, []);
  useEffect(() => {
    void session.history.open(chat);
    if (isGroup(chat)) void session.chats.refresh(chat);
    return () => session.history.trim(chat);
  }, []);

  // A page that could not be loaded is asked for again with the next connection; a dropped one at once.
  const stateOfHistory = chat.history.state.value;
  const connected = session.link.value === 'ready';
  useEffect(() => {
    if (connected || stateOfHistory === 'unloaded') void session.history.open(chat);
  }, [connected, stateOfHistory === 'unloaded']);

  const view = useMemo<ChatView>(() => {
    const draft = draftOf(chat.id);
    return {
      session,
      chat,
      async jump(seq) {
        const found = await list.current?.jump(seq).catch(tellFailure);
        if (found === false) notice(words.value.tooFarBack);
      },
      openMenu(message, near) {
        menu.value = { message, near };
      },
      reply({ seq }) {
        draft.value = { text: draft.value.editing === undefined ? draft.value.text : '', replyTo: seq };
      },
      edit({ seq, text }) {
        draft.value = { text, editing: seq };
      },
      react({ seq, reactions }, emoji) {
        const mine = reactions.find(({ user_ids }) => user_ids.includes(session.userId))?.emoji;
        session.client.react(chat.id, seq, emoji === mine ? null : emoji).catch(tellFailure);
      },
      write: () => composer.current?.focus(),
    };
  }, []);

  const status = useComputed(() => typingWords(session, chat)).value;
  const title = titleOf(chat);
  const heading = (
    <>
      <ChatAvatar session={session} chat={chat} />
      <span class="names">
        <span class="title" dir="auto">
          {title}
        </span>
        <span class={status === undefined ? 'status' : 'status active'}>
          {status ?? statusWords(session, chat)}
        </span>
      </span>
    </>
  );
  const open = menu.value;
  const toDelete = deleting.value;
  return (
    <section class="chat" aria-label={title}>
      <header class="bar">
        <a class="round back" href="#/" aria-label={w.back}>
          <Icon name="back" />
        </a>
        <h2 class="unseen">{title}</h2>
        {isGroup(chat) ? (
          <button
            type="button"
            class="heading"
            aria-haspopup="dialog"
            onClick={() => {
              showGroup.value = true;
            }}
          >
            {heading}
          </button>
        ) : (
          <div class="heading">{heading}</div>
        )}
      </header>
      <Body view={view} list={list} />
      <ConnectionLine session={session} />
      <Composer
        view={view}
        handle={composer}
        onSent={() => list.current?.toEnd()}
        onLeave={closeChat}
        onUp={() => list.current?.focusLast()}
      />
      {open && (
        <MessageMenu
          key={open.message.seq}
          view={view}
          message={open.message}
          near={open.near}
          onDelete={() => {
            deleting.value = open.message;
          }}
          onCopy={() => void copy(open.message.text)}
          onClose={() => {
            menu.value = undefined;
          }}
        />
      )}
      {toDelete && (
        <Question
          question={w.deleteQuestion}
          yes={w.delete}
          onYes={() => {
            session.client.delete(chat.id, toDelete.seq).catch(tellFailure);
          }}
          onClose={() => {
            deleting.value = undefined;
          }}
        />
      )}
      {showGroup.value && (
        <GroupDialog
          session={session}
          chat={chat}
          onClose={() => {
            showGroup.value = false;
          }}
        />
      )}
    </section>
  );
}

function Body({ view, list }: { view: ChatView; list: { current: ListHandle | null } }) {
  const w = words.value;
  const { session, chat } = view;
  const { state, messages } = chat.history;
  if (state.value === 'loaded') return <MessageList view={view} handle={list} />;
  const failed = state.value === 'failed' && session.link.value === 'ready';
  return (
    <div class="messages waiting" aria-busy={!failed}>
      {messages.value.length === 0 && !failed && <p class="late">{w.loading}</p>}
      {failed && (
        <div class="empty">
          <p>{w.historyFailed}</p>
          <button type="button" class="primary" onClick={() => void session.history.open(chat)}>
            {w.tryAgain}
          </button>
        </div>
      )}
    </div>
  );
}

async function copy(text: string) {
  try {
    await navigator.clipboard.writeText(text);
    notice(words.value.copied);
  } catch {
    notice(words.value.failed.other); // plain HTTP to another machine has no clipboard
  }
}
