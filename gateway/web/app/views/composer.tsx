import type { RefObject } from 'preact';
import { useEffect, useImperativeHandle, useLayoutEffect, useRef } from 'preact/hooks';
import type { Message } from '../../../client/index.ts';
import { draftOf } from '../state/drafts.ts';
import { lineOf, nameOf } from '../words/messages.ts';
import { words } from '../words/words.ts';
import type { ChatView } from './chat-view.ts';
import { isGroup } from './chat-words.ts';
import { Icon } from './icons.tsx';
import { tellFailure } from './notices.tsx';

export interface ComposerHandle {
  focus(): void;
}

export interface ComposerProps {
  view: ChatView;
  handle: RefObject<ComposerHandle | null>;
  onSent(): void;
  /** Escape, with nothing to give up. */
  onLeave(): void;
  /** ArrowUp where nothing of one's own can be edited. */
  onUp(): void;
}

const mostCharacters = 4096;
/** While somebody types, the others are told again after this. */
const typingAgainMs = 4_000;

export function Composer({ view, handle, onSent, onLeave, onUp }: ComposerProps) {
  const { session, chat } = view;
  const w = words.value;
  const draft = draftOf(chat.id);
  const { text, replyTo, editing } = draft.value;
  const input = useRef<HTMLTextAreaElement>(null);
  const typing = useTyping(view);
  const excess = text.length > mostCharacters ? [...text.trim()].length - mostCharacters : 0;
  const empty = text.trim() === '';

  useImperativeHandle(handle, () => ({ focus: () => input.current?.focus() }));
  // As high as what is in it; the style sheet knows the highest.
  useLayoutEffect(() => {
    const element = input.current;
    if (element === null) return;
    element.style.height = 'auto';
    element.style.height = `${element.scrollHeight}px`;
  }, [text]);
  // At once, as in every place that one opens to write in.
  useLayoutEffect(() => {
    if (editing !== undefined || replyTo !== undefined) input.current?.focus();
  }, [draft.value]);

  function giveUp() {
    draft.value = { text: editing === undefined ? text : '' };
    input.current?.focus();
  }

  function submit() {
    const trimmed = text.trim();
    if (trimmed === '' || excess > 0) return;
    typing.stop();
    draft.value = { text: '' };
    if (editing === undefined) session.pending.send(chat.id, trimmed, replyTo);
    else if (trimmed !== messageAt(editing)?.text) {
      session.client.edit(chat.id, editing, trimmed).catch((error) => {
        tellFailure(error);
        if (draft.value.text === '') draft.value = { text, editing };
      });
    }
    if (editing === undefined) onSent();
  }

  const messageAt = (seq: number) => chat.history.messages.peek().find((one) => one.seq === seq);

  function editLast(): boolean {
    const own = chat.history.messages
      .peek()
      .findLast((one) => one.sender_id === session.userId && one.kind === 'text' && one.deleted_at === null);
    if (own === undefined) return false;
    view.edit(own);
    return true;
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.isComposing) return;
    const plain = !event.shiftKey && !event.ctrlKey && !event.altKey && !event.metaKey;
    if (event.key === 'Enter' && plain) submit();
    else if (event.key === 'Escape' && (editing !== undefined || replyTo !== undefined)) giveUp();
    else if (event.key === 'Escape') onLeave();
    else if (event.key === 'ArrowUp' && plain && text === '') {
      if (!editLast()) onUp();
    } else return;
    event.preventDefault();
  }

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      {(replyTo !== undefined || editing !== undefined) && (
        <About view={view} seq={editing ?? replyTo ?? 0} editing={editing !== undefined} onGiveUp={giveUp} />
      )}
      <div class="line">
        <textarea
          ref={input}
          rows={1}
          dir="auto"
          value={text}
          placeholder={w.writeMessage}
          aria-label={editing === undefined ? w.writeMessage : w.editing}
          aria-invalid={excess > 0}
          onInput={({ currentTarget }) => {
            draft.value = { ...draft.value, text: currentTarget.value };
            typing.tell(currentTarget.value !== '' && editing === undefined);
          }}
          onBlur={typing.stop}
          onKeyDown={onKeyDown}
        />
        <button
          type="submit"
          class="round accent send"
          aria-label={editing === undefined ? w.send : w.save}
          aria-disabled={empty || excess > 0}
        >
          <Icon name={editing === undefined ? 'send' : 'check'} />
        </button>
      </div>
      {excess > 0 && (
        <p class="excess" role="alert">
          {w.tooLong(excess)}
        </p>
      )}
    </form>
  );
}

interface AboutProps {
  view: ChatView;
  seq: number;
  editing: boolean;
  onGiveUp(): void;
}

/** What is answered or edited, above what is written. */
function About({ view, seq, editing, onGiveUp }: AboutProps) {
  const { session, chat, jump } = view;
  const w = words.value;
  const message: Message | null | undefined = session.history.quoted(chat, seq).value;
  const title = editing ? w.editing : w.replyingTo(message ? nameOf(session, message.sender_id) : '…');
  return (
    <div class="about">
      <Icon name={editing ? 'pencil' : 'reply'} />
      <button type="button" class="quote" onClick={() => jump(seq)}>
        <span class="sender">{title}</span>
        <span class="line">{message ? lineOf(session, message, isGroup(chat)) : '…'}</span>
      </button>
      <button type="button" class="round" aria-label={w.cancel} onClick={onGiveUp}>
        <Icon name="close" />
      </button>
    </div>
  );
}

/** Tells the others that this user types, now and then, and when it is over. */
function useTyping({ session, chat }: ChatView) {
  const told = useRef(0);
  function say(active: boolean) {
    told.current = active ? performance.now() : 0;
    session.client.typing(chat.id, active);
  }
  const stop = () => {
    if (told.current > 0) say(false);
  };
  useEffect(() => stop, [chat]);
  return {
    stop,
    tell(active: boolean) {
      if (!active) stop();
      else if (told.current === 0 || performance.now() - told.current > typingAgainMs) say(true);
    },
  };
}
