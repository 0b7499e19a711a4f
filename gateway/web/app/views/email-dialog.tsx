import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { Session } from '../state/session.ts';
import { language } from '../state/settings.ts';
import { words } from '../words/words.ts';
import { CodeForm } from './code-form.tsx';
import { Dialog } from './dialog.tsx';
import { Field, missing, Submit, secret, text, useFocusOnStep, useForm, wrongEmail } from './form.tsx';

interface Claim {
  email: string;
  /** Undefined where the code was sent before: to send another one the password is needed. */
  again: (() => Promise<void>) | undefined;
}

/** Another address, or showing that the claimed one is one's own. */
export function EmailDialog({ session, onClose }: { session: Session; onClose(): void }) {
  const w = words.value;
  const { profile } = session;
  const claimed = useSignal<Claim | undefined>(undefined);
  const { value: claim } = claimed;
  const steps = useRef<HTMLDivElement>(null);
  useFocusOnStep(steps, claim);
  return (
    <Dialog title={w.email} onClose={onClose}>
      <div ref={steps}>
        {claim === undefined ? (
          <AddressForm
            session={session}
            onClaimed={(next) => {
              claimed.value = next;
            }}
          />
        ) : (
          <CodeForm
            told={w.codeSent(claim.email)}
            submit={w.goOn}
            busyWords={w.checking}
            ask={async (code) => {
              await profile.verify(code);
              onClose();
            }}
            again={claim.again}
            onOtherAddress={() => {
              claimed.value = undefined;
            }}
          />
        )}
      </div>
    </Dialog>
  );
}

function AddressForm({ session, onClaimed }: { session: Session; onClaimed(claim: Claim): void }) {
  const w = words.value;
  const { profile } = session;
  const mine = profile.mine.value;
  const { busy, errors, failure, submit } = useForm(
    (fields) => ({ email: wrongEmail(text(fields, 'email')), ...missing(fields, ['email']) }),
    async (fields) => {
      const email = text(fields, 'email');
      const send = () => profile.claim(email, secret(fields, 'current_password'), language.peek());
      await send();
      onClaimed({ email, again: send });
    },
  );
  return (
    <form class="steady" onSubmit={submit} noValidate>
      <Field
        name="email"
        type="email"
        label={w.email}
        autocomplete="email"
        initial={mine?.email ?? ''}
        error={errors.value.email}
      />
      <Field
        name="current_password"
        type="password"
        label={w.currentPassword}
        hint={w.currentPasswordHint}
        autocomplete="current-password"
        error={errors.value.current_password}
      />
      <Submit busy={busy.value} words={w.sendCode} busyWords={w.sendingCode} failure={failure.value} />
      {mine?.email && !mine.email_verified && (
        <button
          type="button"
          class="link"
          onClick={() => mine.email && onClaimed({ email: mine.email, again: undefined })}
        >
          {w.haveCode}
        </button>
      )}
    </form>
  );
}
