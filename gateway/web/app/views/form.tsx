import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useId, useLayoutEffect, useRef } from 'preact/hooks';
import { errorWords, fieldErrors } from '../words/errors.ts';
import { words } from '../words/words.ts';

/** What is wrong with a form, by the names of its fields. */
export type Errors = Record<string, string | undefined>;

/** One form's life: checks, asks, and says at its fields what was refused. `refused` came before it was shown. */
export function useForm(
  check: (fields: FormData) => Errors,
  ask: (fields: FormData) => Promise<void>,
  refused?: unknown,
) {
  const busy = useSignal(false);
  const errors = useSignal<Errors>(fieldErrors(refused));
  const failure = useSignal('');

  function point(form: HTMLFormElement, wrong: Errors): boolean {
    const all = [...form.elements].map((element) => element.getAttribute('name') ?? '');
    const names = all.filter((name) => wrong[name] !== undefined);
    errors.value = Object.fromEntries(names.map((name) => [name, wrong[name]]));
    const [first] = names;
    if (first === undefined) return false;
    (form.elements.namedItem(first) as HTMLElement).focus();
    return true;
  }

  async function submit(event: SubmitEvent) {
    event.preventDefault();
    if (busy.value) return;
    const form = event.currentTarget as HTMLFormElement;
    const fields = new FormData(form);
    failure.value = '';
    if (point(form, check(fields))) return;
    busy.value = true;
    try {
      await ask(fields);
    } catch (error) {
      if (!point(form, fieldErrors(error))) failure.value = errorWords(error);
    } finally {
      busy.value = false;
    }
  }
  return { busy, errors, failure, submit };
}

/** What had the focus may have gone with the step before: the next one's first field, or the wrong one, gets it. */
export function useFocusOnStep(around: { current: HTMLElement | null }, step: unknown): void {
  const before = useRef(step);
  useLayoutEffect(() => {
    const isNew = before.current !== step;
    before.current = step;
    if (!isNew || document.activeElement !== document.body) return;
    const wrong = around.current?.querySelector<HTMLElement>('[aria-invalid="true"]');
    (wrong ?? around.current?.querySelector<HTMLElement>('form input'))?.focus();
  }, [step]);
}

export const text = (fields: FormData, name: string) => String(fields.get(name) ?? '').trim();
export const secret = (fields: FormData, name = 'password') => String(fields.get(name) ?? '');

export function missing(fields: FormData, names: readonly string[]): Errors {
  const empty = names.filter((name) => String(fields.get(name) ?? '').trim() === '');
  return Object.fromEntries(empty.map((name) => [name, words.value.failed.missing]));
}

export function wrongEmail(email: string): string | undefined {
  return /^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(email) ? undefined : words.value.failed.email;
}

export function wrongUsername(username: string): string | undefined {
  return /^[A-Za-z][A-Za-z0-9_]{2,29}$/.test(username) ? undefined : words.value.failed.username;
}

export function wrongPassword(password: string): string | undefined {
  return password.length < 8 ? words.value.failed.passwordShort : undefined;
}

export function wrongCode(code: string): string | undefined {
  return /^\d{6}$/.test(code) ? undefined : words.value.failed.codeForm;
}

interface FieldProps {
  name: string;
  label: string;
  /** `code`: digits that come by mail, which the browser may know; `long`: several lines. */
  type?: 'text' | 'email' | 'password' | 'code' | 'long';
  autocomplete:
    | 'username'
    | 'current-password'
    | 'new-password'
    | 'email'
    | 'name'
    | 'given-name'
    | 'family-name'
    | 'nickname'
    | 'one-time-code'
    | 'off';
  hint?: string;
  error?: string | undefined;
  maxLength?: number;
  /** What stands there at first. */
  initial?: string | undefined;
  /** With `onInput`: what stands there. */
  value?: string | undefined;
  onInput?(value: string): void;
  readOnly?: boolean;
}

/** The line below is always there, so that an error moves nothing. */
export function Field(props: FieldProps) {
  const { name, label, type = 'text', autocomplete, hint, error, maxLength } = props;
  const id = useId();
  const isName = autocomplete === 'name' || name.endsWith('_name') || type === 'long';
  const shared = {
    id,
    name,
    autocomplete,
    autocapitalize: type === 'long' ? 'sentences' : isName ? 'words' : 'none',
    spellcheck: false,
    ...(isName && { dir: 'auto' as const }),
    ...(maxLength !== undefined && { maxLength }),
    ...(props.initial !== undefined && { defaultValue: props.initial }),
    ...(props.value !== undefined && { value: props.value }),
    ...(props.readOnly && { readOnly: true }),
    onInput: ({ currentTarget }: { currentTarget: HTMLInputElement | HTMLTextAreaElement }) => {
      // As it is pasted from a mail: with spaces, or within a sentence.
      if (type === 'code') currentTarget.value = currentTarget.value.replaceAll(/\D/g, '').slice(0, 6);
      props.onInput?.(currentTarget.value);
    },
    'aria-invalid': error !== undefined,
    'aria-describedby': `${id}-below`,
  } as const;
  return (
    <div class={error === undefined ? 'field' : 'field wrong'}>
      <label for={id}>{label}</label>
      {type === 'text' && <input {...shared} type="text" />}
      {type === 'email' && <input {...shared} type="email" />}
      {type === 'password' && <input {...shared} type="password" />}
      {type === 'code' && <input {...shared} class="code" type="text" inputMode="numeric" />}
      {type === 'long' && <textarea {...shared} rows={3} spellcheck />}
      <p id={`${id}-below`}>{error ?? hint}</p>
    </div>
  );
}

interface SubmitProps {
  busy: boolean;
  words: string;
  busyWords: string;
  failure: string;
  /** There is nothing to be sent. */
  idle?: boolean;
}

export function Submit({ busy, words: usual, busyWords, failure, idle = false }: SubmitProps) {
  return (
    <>
      <p class="failure" role="alert">
        {failure}
      </p>
      <button type="submit" class="primary" aria-disabled={busy || idle}>
        {busy ? busyWords : usual}
      </button>
    </>
  );
}

/** Words above a form that say what is going on. */
export function Told({ children }: { children: ComponentChildren }) {
  return <p class="told">{children}</p>;
}
