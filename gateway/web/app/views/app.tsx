import { useSignal, useSignalEffect } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { session } from '../state/current.ts';
import { forgetDrafts } from '../state/drafts.ts';
import { goTo } from '../state/entering.ts';
import { closeChat, openChatId } from '../state/route.ts';
import type { Session } from '../state/session.ts';
import { lineOf, nameOf } from '../words/messages.ts';
import { words } from '../words/words.ts';
import { ChatList } from './chat-list.tsx';
import { ChatPane } from './chat-pane.tsx';
import { isGroup, titleOf } from './chat-words.ts';
import { ConnectionLine } from './connection-line.tsx';
import { Mark } from './icons.tsx';
import { NewChatDialog } from './new-chat-dialog.tsx';
import { Announcer, announce, Notices, notice } from './notices.tsx';
import { SettingsDialog } from './settings-dialog.tsx';
import { Welcome } from './welcome.tsx';

export function App() {
  const current = session.value;
  useSignalEffect(() => {
    if (session.value === undefined) forgetDrafts();
    else goTo({ view: 'login' }); // whatever way in was begun, the next one begins anew
  });
  return (
    <>
      {current === undefined ? <Welcome /> : <Home key={current.userId} session={current} />}
      <Notices />
      <Announcer />
    </>
  );
}

/** Both sides; a narrow page shows one of them at a time. */
function Home({ session }: { session: Session }) {
  const w = words.value;
  const dialog = useSignal<'new chat' | 'settings' | undefined>(undefined);
  const closeDialog = () => {
    dialog.value = undefined;
  };
  const chat = openChatId.value === undefined ? undefined : session.chats.all.value.get(openChatId.value);

  useSignalEffect(() => {
    const { value: unread } = session.chats.unread;
    document.title = unread > 0 ? `(${unread}) Suhbat` : 'Suhbat';
  });
  // A chat that is not the user's, or not any more.
  useSignalEffect(() => {
    const id = openChatId.value;
    if (id !== undefined && session.synced.value && !session.chats.all.value.has(id)) closeChat();
  });
  useSignalEffect(() => {
    const { value: gone } = session.gone;
    if (gone !== undefined) notice(words.peek().chatGone(titleOf(gone)));
  });
  useSignalEffect(() => {
    const { value: incoming } = session.incoming;
    if (incoming === undefined || incoming.chat.id !== openChatId.peek()) return;
    const { message } = incoming;
    const name = nameOf(session, message.sender_id);
    announce(words.peek().announce(name, lineOf(session, message, isGroup(incoming.chat))));
  });
  useSignalEffect(() => {
    if (session.link.value === 'lost') announce(words.peek().noConnection);
    else if (session.link.value === 'ready') announce('');
  });
  usePresence(session);
  useFocusOnRow(chat?.id);

  return (
    <main class={chat === undefined ? 'home' : 'home chatting'}>
      <h1 class="unseen">Suhbat</h1>
      <div class="side">
        <ChatList
          session={session}
          onNewChat={() => {
            dialog.value = 'new chat';
          }}
          onSettings={() => {
            dialog.value = 'settings';
          }}
        />
        <ConnectionLine session={session} />
      </div>
      {chat === undefined ? (
        <div class="chat none">
          <Mark />
          <p>{w.chooseChat}</p>
        </div>
      ) : (
        <ChatPane key={chat.id} session={session} chat={chat} />
      )}
      {dialog.value === 'new chat' && <NewChatDialog session={session} onClose={closeDialog} />}
      {dialog.value === 'settings' && <SettingsDialog session={session} onClose={closeDialog} />}
    </main>
  );
}

/** Who leaves a chat by keyboard stands on its row. */
function useFocusOnRow(shown: string | undefined) {
  const before = useRef(shown);
  // Right after the chat has left the page, and the focus with it: a frame later somebody else may have it.
  useLayoutEffect(() => {
    const { current: left } = before;
    before.current = shown;
    if (shown !== undefined || left === undefined || document.activeElement !== document.body) return;
    document.querySelector<HTMLElement>(`[data-chat="${left}"]`)?.focus();
  }, [shown]);
}

/** The others of private chats, and who is in the open group. */
function usePresence(session: Session) {
  useSignalEffect(() => {
    const peers = session.chats.sorted.value.flatMap(({ chat }) => chat.value.peer?.id ?? []);
    const open = openChatId.value === undefined ? undefined : session.chats.all.value.get(openChatId.value);
    const members = open?.members.value?.map(({ user }) => user.id) ?? [];
    const list = [...members.slice(0, 100), ...peers].filter((id) => id !== session.userId);
    if (list.length > 0) session.people.watch(list);
  });
}
