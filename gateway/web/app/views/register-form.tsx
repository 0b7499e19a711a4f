import { beginRegister, ClientError, endRegister, type PendingRegistration } from '../../../client/index.ts';
import { goTo, registration } from '../state/entering.ts';
import { keepLogin } from '../state/login.ts';
import { language } from '../state/settings.ts';
import { words } from '../words/words.ts';
import { CodeForm } from './code-form.tsx';
import {
  type Errors,
  Field,
  missing,
  Submit,
  secret,
  text,
  useForm,
  wrongEmail,
  wrongPassword,
  wrongUsername,
} from './form.tsx';

function check(fields: FormData): Errors {
  return {
    username: wrongUsername(text(fields, 'username')),
    email: wrongEmail(text(fields, 'email')),
    password: wrongPassword(secret(fields)),
    ...missing(fields, ['name', 'username', 'email', 'password']),
  };
}

const begin = (wanted: PendingRegistration) =>
  beginRegister(location.origin, wanted, { language: language.peek() });

/** The first step: who wants an account, and where the code goes. */
export function RegisterForm({ refused }: { refused: unknown }) {
  const w = words.value;
  const { value: before } = registration;
  const { busy, errors, failure, submit } = useForm(
    check,
    async (fields) => {
      const wanted = {
        name: text(fields, 'name'),
        username: text(fields, 'username'),
        email: text(fields, 'email'),
        password: secret(fields),
      };
      await begin(wanted);
      registration.value = wanted;
      goTo({ view: 'register code', email: wanted.email });
    },
    refused,
  );
  return (
    <form onSubmit={submit} noValidate>
      <Field
        name="name"
        label={w.yourName}
        autocomplete="name"
        maxLength={64}
        initial={before?.name}
        error={errors.value.name}
      />
      <Field
        name="username"
        label={w.username}
        hint={w.usernameHint}
        autocomplete="username"
        initial={before?.username}
        error={errors.value.username}
      />
      <Field
        name="email"
        type="email"
        label={w.email}
        autocomplete="email"
        initial={before?.email}
        error={errors.value.email}
      />
      <Field
        name="password"
        type="password"
        label={w.password}
        hint={w.passwordHint}
        autocomplete="new-password"
        initial={before?.password}
        error={errors.value.password}
      />
      <Submit busy={busy.value} words={w.register} busyWords={w.registering} failure={failure.value} />
    </form>
  );
}

/** The second: with the code from the mail there is an account, and a login. */
export function RegisterCode({ email }: { email: string }) {
  const w = words.value;
  const { value: wanted } = registration;
  async function end(code: string) {
    try {
      keepLogin(await endRegister(location.origin, { email, code }));
    } catch (error) {
      // Somebody was faster: there is something to choose anew.
      const isTaken = error instanceof ClientError && error.code === 'conflict';
      if (!isTaken) throw error;
      goTo({ view: 'register', refused: error });
    }
  }
  return (
    <CodeForm
      told={w.codeSent(email)}
      submit={w.goOn}
      busyWords={w.checking}
      ask={end}
      again={wanted && (() => begin(wanted))}
      onOtherAddress={() => goTo({ view: 'register' })}
    />
  );
}
