import { useRef } from 'preact/hooks';
import { login } from '../../../client/index.ts';
import { type Entering, entering, goTo } from '../state/entering.ts';
import { keepLogin } from '../state/login.ts';
import { words } from '../words/words.ts';
import { ForgotForm, ResetForm } from './forgot-form.tsx';
import { Field, missing, Submit, secret, Told, text, useFocusOnStep, useForm } from './form.tsx';
import { Mark } from './icons.tsx';
import { RegisterCode, RegisterForm } from './register-form.tsx';
import { LanguageSwitch } from './switches.tsx';

/** Before there is a login: the ways to one. */
export function Welcome() {
  const w = words.value;
  const at = entering.value;
  const card = useRef<HTMLDivElement>(null);
  useFocusOnStep(card, at.view);
  return (
    <main class="welcome">
      <div class="card" ref={card}>
        <Mark />
        <h1>Suhbat</h1>
        {at.view === 'login' || at.view === 'register' ? (
          <p class="tagline">{w.tagline}</p>
        ) : (
          <h2 class="tagline">{at.view === 'forgot' ? w.forgot : w.checkMail}</h2>
        )}
        <Step key={at.view} at={at} />
        <Turn at={at} />
      </div>
      <LanguageSwitch />
    </main>
  );
}

function Step({ at }: { at: Entering }) {
  switch (at.view) {
    case 'login':
      return <LoginForm at={at} />;
    case 'register':
      return <RegisterForm refused={at.refused} />;
    case 'register code':
      return <RegisterCode email={at.email} />;
    case 'forgot':
      return <ForgotForm />;
    case 'reset code':
      return <ResetForm email={at.email} />;
  }
}

/** From one way to another. */
function Turn({ at }: { at: Entering }) {
  const w = words.value;
  const isNew = at.view.startsWith('register');
  const question = isNew ? w.haveAccount : w.newHere;
  const asks = at.view === 'login' || isNew;
  return (
    <p class="turn">
      {asks && `${question} `}
      <button
        type="button"
        class="link"
        onClick={() => goTo({ view: at.view === 'login' ? 'register' : 'login' })}
      >
        {at.view === 'login' ? w.register : asks ? w.logIn : w.toLogin}
      </button>
    </p>
  );
}

function LoginForm({ at }: { at: Entering & { view: 'login' } }) {
  const w = words.value;
  const { busy, errors, failure, submit } = useForm(
    (fields) => missing(fields, ['login', 'password']),
    async (fields) =>
      keepLogin(await login(location.origin, { login: text(fields, 'login'), password: secret(fields) })),
  );
  return (
    <form onSubmit={submit} noValidate>
      {at.note !== undefined && <Told>{w.passwordSet}</Told>}
      <Field
        name="login"
        label={w.loginName}
        autocomplete="username"
        initial={at.name}
        error={errors.value.login}
      />
      <Field
        name="password"
        type="password"
        label={w.password}
        autocomplete="current-password"
        error={errors.value.password}
      />
      <Submit busy={busy.value} words={w.logIn} busyWords={w.loggingIn} failure={failure.value} />
      <p class="forgot">
        <button type="button" class="link" onClick={() => goTo({ view: 'forgot' })}>
          {w.forgot}
        </button>
      </p>
    </form>
  );
}
