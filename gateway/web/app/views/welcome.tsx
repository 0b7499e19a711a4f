import { useSignal } from '@preact/signals';
import { useId } from 'preact/hooks';
import { login, register, type TokensAnswer } from '../../../client/index.ts';
import { keepLogin } from '../state/login.ts';
import { errorWords, words } from '../words/words.ts';
import { Mark } from './icons.tsx';
import { LanguageSwitch } from './switches.tsx';

/** Before there is a login: the two ways to one. */
export function Welcome() {
  const isNew = useSignal(false);
  const w = words.value;
  const turn = () => {
    isNew.value = !isNew.value;
  };
  return (
    <main class="welcome">
      <div class="card">
        <Mark />
        <h1>Suhbat</h1>
        <p class="tagline">{w.tagline}</p>
        {isNew.value ? <RegisterForm key="register" /> : <LoginForm key="login" />}
        <p class="turn">
          {isNew.value ? w.haveAccount : w.newHere}{' '}
          <button type="button" class="link" onClick={turn}>
            {isNew.value ? w.logIn : w.register}
          </button>
        </p>
      </div>
      <LanguageSwitch />
    </main>
  );
}

type Errors = Record<string, string | undefined>;

/** One form's life: checks, asks, keeps the login. */
function useForm(check: (fields: FormData) => Errors, ask: (fields: FormData) => Promise<TokensAnswer>) {
  const busy = useSignal(false);
  const errors = useSignal<Errors>({});
  const failure = useSignal('');
  async function submit(event: SubmitEvent) {
    event.preventDefault();
    if (busy.value) return;
    const form = event.currentTarget as HTMLFormElement;
    const fields = new FormData(form);
    errors.value = check(fields);
    failure.value = '';
    const wrong = Object.keys(errors.value)[0];
    if (wrong !== undefined) return (form.elements.namedItem(wrong) as HTMLElement | null)?.focus();
    busy.value = true;
    try {
      keepLogin(await ask(fields));
    } catch (error) {
      failure.value = errorWords(error);
    } finally {
      busy.value = false;
    }
  }
  return { busy, errors, failure, submit };
}

const text = (fields: FormData, name: string) => String(fields.get(name) ?? '').trim();
const secret = (fields: FormData) => String(fields.get('password') ?? '');

function missing(fields: FormData, names: readonly string[]): Errors {
  const empty = names.filter((name) => fields.get(name) === '');
  return Object.fromEntries(empty.map((name) => [name, words.value.failed.missing]));
}

function LoginForm() {
  const w = words.value;
  const { busy, errors, failure, submit } = useForm(
    (fields) => missing(fields, ['login', 'password']),
    (fields) => login(location.origin, { login: text(fields, 'login'), password: secret(fields) }),
  );
  return (
    <form onSubmit={submit} noValidate>
      <Field name="login" label={w.loginName} autocomplete="username" error={errors.value.login} />
      <Field
        name="password"
        type="password"
        label={w.password}
        autocomplete="current-password"
        error={errors.value.password}
      />
      <Submit busy={busy.value} words={w.logIn} busyWords={w.loggingIn} failure={failure.value} />
    </form>
  );
}

function checkRegistration(fields: FormData): Errors {
  const { failed } = words.value;
  const errors = missing(fields, ['username', 'email', 'password']);
  if (!errors.username && !/^[A-Za-z][A-Za-z0-9_]{2,29}$/.test(text(fields, 'username')))
    errors.username = failed.username;
  if (!errors.email && !/^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(text(fields, 'email'))) errors.email = failed.email;
  if (!errors.password && secret(fields).length < 8) errors.password = failed.passwordShort;
  return errors;
}

function RegisterForm() {
  const w = words.value;
  const { busy, errors, failure, submit } = useForm(checkRegistration, (fields) => {
    const name = text(fields, 'name');
    return register(location.origin, {
      username: text(fields, 'username'),
      email: text(fields, 'email'),
      password: secret(fields),
      ...(name !== '' && { first_name: name }),
    });
  });
  return (
    <form onSubmit={submit} noValidate>
      <Field name="name" label={w.yourName} autocomplete="given-name" maxLength={64} />
      <Field
        name="username"
        label={w.username}
        hint={w.usernameHint}
        autocomplete="username"
        error={errors.value.username}
      />
      <Field name="email" type="email" label={w.email} autocomplete="email" error={errors.value.email} />
      <Field
        name="password"
        type="password"
        label={w.password}
        hint={w.passwordHint}
        autocomplete="new-password"
        error={errors.value.password}
      />
      <Submit busy={busy.value} words={w.register} busyWords={w.registering} failure={failure.value} />
    </form>
  );
}

interface FieldProps {
  name: string;
  label: string;
  type?: 'text' | 'email' | 'password';
  autocomplete: 'username' | 'current-password' | 'new-password' | 'email' | 'given-name';
  hint?: string;
  error?: string | undefined;
  maxLength?: number;
}

/** The line below is always there, so that an error moves nothing. */
function Field({ name, label, type = 'text', autocomplete, hint, error, maxLength }: FieldProps) {
  const id = useId();
  const shared = {
    id,
    name,
    autocomplete,
    autocapitalize: 'none',
    spellcheck: false,
    ...(maxLength !== undefined && { maxLength }),
    'aria-invalid': error !== undefined,
    'aria-describedby': `${id}-below`,
  } as const;
  return (
    <div class={error === undefined ? 'field' : 'field wrong'}>
      <label for={id}>{label}</label>
      {type === 'text' && <input {...shared} type="text" />}
      {type === 'email' && <input {...shared} type="email" />}
      {type === 'password' && <input {...shared} type="password" />}
      <p id={`${id}-below`}>{error ?? hint}</p>
    </div>
  );
}

interface SubmitProps {
  busy: boolean;
  words: string;
  busyWords: string;
  failure: string;
}

function Submit({ busy, words: idle, busyWords, failure }: SubmitProps) {
  return (
    <>
      <p class="failure" role="alert">
        {failure}
      </p>
      <button type="submit" class="primary" aria-disabled={busy}>
        {busy ? busyWords : idle}
      </button>
    </>
  );
}
