import { ClientError, forgotPassword, login, resetPassword } from '../../../client/index.ts';
import { goTo } from '../state/entering.ts';
import { keepLogin } from '../state/login.ts';
import { language } from '../state/settings.ts';
import { words } from '../words/words.ts';
import { CodeForm } from './code-form.tsx';
import { Field, missing, Submit, secret, Told, text, useForm, wrongEmail, wrongPassword } from './form.tsx';

const ask = (email: string) => forgotPassword(location.origin, { email }, { language: language.peek() });

/** Who cannot get in: the address that the code goes to. */
export function ForgotForm() {
  const w = words.value;
  const { busy, errors, failure, submit } = useForm(
    (fields) => ({ email: wrongEmail(text(fields, 'email')), ...missing(fields, ['email']) }),
    async (fields) => {
      const email = text(fields, 'email');
      await ask(email);
      goTo({ view: 'reset code', email });
    },
  );
  return (
    <form onSubmit={submit} noValidate>
      <Told>{w.resetHint}</Told>
      <Field name="email" type="email" label={w.email} autocomplete="email" error={errors.value.email} />
      <Submit busy={busy.value} words={w.sendCode} busyWords={w.sendingCode} failure={failure.value} />
    </form>
  );
}

/** The code and the new password, and one is in. */
export function ResetForm({ email }: { email: string }) {
  const w = words.value;
  async function reset(code: string, fields: FormData) {
    const password = secret(fields);
    await resetPassword(location.origin, { email, code, new_password: password });
    // The password is set, whatever becomes of the login: then one logs in by the form.
    const tokens = await login(location.origin, { login: email, password }).catch((error: unknown) => {
      if (!(error instanceof ClientError)) throw error;
    });
    if (tokens !== undefined) keepLogin(tokens);
    else goTo({ view: 'login', note: 'password set', name: email });
  }
  return (
    <CodeForm
      told={w.resetSent(email)}
      submit={w.setPassword}
      busyWords={w.settingPassword}
      check={(fields) => ({ password: wrongPassword(secret(fields)), ...missing(fields, ['password']) })}
      ask={reset}
      again={() => ask(email)}
      onOtherAddress={() => goTo({ view: 'forgot' })}
    >
      {(errors) => (
        <Field
          name="password"
          type="password"
          label={w.newPassword}
          hint={w.passwordHint}
          autocomplete="new-password"
          error={errors.password}
        />
      )}
    </CodeForm>
  );
}
