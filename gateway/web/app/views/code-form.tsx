import { type Signal, useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { ClientError } from '../../../client/index.ts';
import { errorWords } from '../words/errors.ts';
import { waitWords } from '../words/times.ts';
import { words } from '../words/words.ts';
import { type Errors, Field, missing, Submit, Told, text, useForm, wrongCode } from './form.tsx';

interface CodeFormProps {
  /** Says where the code went. */
  told: string;
  submit: string;
  busyWords: string;
  /** More fields than the code. */
  children?(errors: Errors): ComponentChildren;
  check?(fields: FormData): Errors;
  /** Takes the code to the server. */
  ask(code: string, fields: FormData): Promise<void>;
  /** Has another code sent; undefined where what it needs is not known any more. */
  again: (() => Promise<unknown>) | undefined;
  onOtherAddress(): void;
}

/** The second step of whatever needs a code from a mail. */
export function CodeForm(props: CodeFormProps) {
  const w = words.value;
  const { told, submit: usual, busyWords, children, again } = props;
  const { busy, errors, failure, submit } = useForm(
    (fields) => {
      const wrong = { ...missing(fields, ['code']), ...props.check?.(fields) };
      const found = wrong.code ?? wrongCode(text(fields, 'code'));
      return found === undefined ? wrong : { ...wrong, code: found };
    },
    (fields) => props.ask(text(fields, 'code'), fields),
  );
  return (
    <form onSubmit={submit} noValidate>
      <Told>{told}</Told>
      <Field
        name="code"
        type="code"
        label={w.code}
        hint={w.codeHint}
        autocomplete="one-time-code"
        error={errors.value.code}
      />
      {children?.(errors.value)}
      <Submit busy={busy.value} words={usual} busyWords={busyWords} failure={failure.value} />
      <p class="turn">
        {again && <Again again={again} failure={failure} />}
        <button type="button" class="link" onClick={props.onOtherAddress}>
          {w.otherAddress}
        </button>
      </p>
    </form>
  );
}

/** Mails take a moment: who asks again at once gets two. */
const pauseMs = 30_000;

/** Has another code sent, as soon as that makes sense and the server allows it. */
function Again({ again, failure }: { again(): Promise<unknown>; failure: Signal<string> }) {
  const w = words.value;
  const until = useSignal(Date.now() + pauseMs);
  const now = useSignal(Date.now());
  const busy = useSignal(false);
  const told = useSignal('');
  const left = until.value - now.value;
  const waiting = left > 0;
  useEffect(() => {
    if (!waiting) return;
    const timer = setInterval(() => {
      now.value = Date.now();
    }, 1000);
    return () => clearInterval(timer);
  }, [waiting]);

  async function send() {
    if (waiting || busy.value) return;
    busy.value = true;
    failure.value = '';
    told.value = '';
    let pause = pauseMs;
    try {
      await again();
      told.value = words.peek().sentAgain;
    } catch (error) {
      failure.value = errorWords(error);
      pause = error instanceof ClientError ? (error.retry_after_ms ?? 0) : 0;
    } finally {
      busy.value = false;
      now.value = Date.now();
      until.value = now.value + pause;
    }
  }
  return (
    <>
      <span class="below" role="status">
        {told.value}
      </span>
      <button type="button" class="link" aria-disabled={waiting || busy.value} onClick={send}>
        {w.sendAgain}
        {/* A name that changes every second is read out anew each time; that it must wait is told by its state. */}
        {waiting && <span aria-hidden="true"> {w.sendAgainIn(waitWords(left))}</span>}
      </button>
    </>
  );
}
