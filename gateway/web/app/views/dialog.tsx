import type { ComponentChildren } from 'preact';
import { useId, useLayoutEffect, useRef } from 'preact/hooks';
import { words } from '../words/words.ts';
import { Icon } from './icons.tsx';

export interface DialogProps {
  title: string;
  onClose(): void;
  children: ComponentChildren;
  /** No cross: the buttons inside decide. */
  question?: boolean;
}

/** A modal dialog: the browser keeps the focus inside, and gives it back. */
export function Dialog({ title, onClose, children, question = false }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  // In this order: the dialog takes the focus, then what is in it may give it to somebody.
  useLayoutEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => {
      dialog.current?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  // The backdrop is the dialog itself: what is in it lies on the panel.
  const outside = (event: MouseEvent) => {
    if (event.target === dialog.current) onClose();
  };
  return (
    <dialog
      ref={dialog}
      class={question ? 'dialog question' : 'dialog'}
      aria-labelledby={titleId}
      onCancel={(event) => {
        // Who gives up choosing a file cancels that, and not the dialog around it.
        if (event.target !== dialog.current) return;
        event.preventDefault();
        onClose();
      }}
      onMouseDown={outside}
    >
      <div class="panel">
        <header>
          <h2 id={titleId}>{title}</h2>
          {!question && (
            <button type="button" class="round" aria-label={words.value.close} onClick={onClose}>
              <Icon name="close" />
            </button>
          )}
        </header>
        {children}
      </div>
    </dialog>
  );
}

export interface QuestionProps {
  question: string;
  yes: string;
  onYes(): void;
  onClose(): void;
}

/** Asks before something that cannot be taken back. */
export function Question({ question, yes, onYes, onClose }: QuestionProps) {
  return (
    <Dialog title={question} onClose={onClose} question>
      <div class="buttons">
        <button type="button" class="quiet" onClick={onClose}>
          {words.value.cancel}
        </button>
        <button
          type="button"
          class="danger"
          onClick={() => {
            onClose();
            onYes();
          }}
        >
          {yes}
        </button>
      </div>
    </Dialog>
  );
}
