import { useSignal } from '@preact/signals';
import type { OwnProfile, ProfileChanges } from '../../../client/index.ts';
import type { Session } from '../state/session.ts';
import { words } from '../words/words.ts';
import { Dialog } from './dialog.tsx';
import { type Errors, Field, missing, Submit, text, useForm, wrongUsername } from './form.tsx';
import { PictureChoice } from './picture-choice.tsx';

type Name = 'display_name' | 'first_name' | 'last_name' | 'username' | 'bio';
type Edits = Partial<Record<Name, string>>;

/** What differs from the profile; an empty field clears what may be cleared. */
function changesOf(mine: OwnProfile, edits: Edits): ProfileChanges {
  const changed = (Object.entries(edits) as [Name, string][])
    .map(([name, value]) => [name, value.trim()] as const)
    .filter(([name, value]) => value !== (mine[name] ?? ''));
  return Object.fromEntries(changed.map(([name, value]) => [name, value === '' ? null : value]));
}

/** What was written while the answer was under way stays. */
function without(edits: Edits, sent: Edits): Edits {
  const left = (Object.entries(edits) as [Name, string][]).filter(([name, value]) => value !== sent[name]);
  return Object.fromEntries(left);
}

function check(fields: FormData): Errors {
  return { username: wrongUsername(text(fields, 'username')), ...missing(fields, ['username']) };
}

/** What others see of the user. */
export function ProfileDialog({ session, onClose }: { session: Session; onClose(): void }) {
  const w = words.value;
  const { profile } = session;
  const mine = profile.mine.value;
  const edits = useSignal<Edits>({});
  const done = useSignal('');
  const { busy, errors, failure, submit } = useForm(check, async () => {
    if (mine === undefined || idle) return;
    const sent = edits.value;
    await profile.save(changesOf(mine, sent));
    edits.value = without(edits.value, sent);
    done.value = words.peek().saved;
  });
  const idle = mine === undefined || Object.keys(changesOf(mine, edits.value)).length === 0;
  /** The user's words for a field; where there are none, the server's. */
  const shared = (name: Name) => ({
    name,
    value: edits.value[name] ?? mine?.[name] ?? '',
    error: errors.value[name],
    readOnly: mine === undefined,
    onInput(value: string) {
      edits.value = { ...edits.value, [name]: value };
      done.value = '';
    },
  });
  return (
    <Dialog title={w.profile} onClose={onClose}>
      <PictureChoice session={session} />
      <form class="steady" onSubmit={submit} noValidate>
        <Field {...shared('display_name')} label={w.displayName} autocomplete="nickname" maxLength={64} />
        <Field {...shared('first_name')} label={w.firstName} autocomplete="given-name" maxLength={64} />
        <Field {...shared('last_name')} label={w.lastName} autocomplete="family-name" maxLength={64} />
        <Field
          {...shared('username')}
          label={w.username}
          hint={w.usernameHint}
          autocomplete="username"
          maxLength={30}
        />
        <Field {...shared('bio')} type="long" label={w.bio} autocomplete="off" maxLength={512} />
        <Submit busy={busy.value} words={w.save} busyWords={w.saving} failure={failure.value} idle={idle} />
        <p class="done" role="status">
          {done.value}
        </p>
      </form>
    </Dialog>
  );
}
