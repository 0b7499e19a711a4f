import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { logOut } from '../state/current.ts';
import type { Session } from '../state/session.ts';
import { words } from '../words/words.ts';
import { UserAvatar } from './avatar.tsx';
import { Dialog } from './dialog.tsx';
import { EmailDialog } from './email-dialog.tsx';
import { Icon } from './icons.tsx';
import { tellFailure } from './notices.tsx';
import { ProfileDialog } from './profile-dialog.tsx';
import { SettingsChoices } from './switches.tsx';

export function SettingsDialog({ session, onClose }: { session: Session; onClose(): void }) {
  const w = words.value;
  const { mine } = session.profile;
  const inner = useSignal<'profile' | 'email' | undefined>(undefined);
  const closeInner = () => {
    inner.value = undefined;
  };
  useEffect(() => {
    session.profile.load().catch(tellFailure);
  }, []);
  const user = mine.value;
  const name = user?.display_name ?? '';
  return (
    <Dialog title={w.settings} onClose={onClose}>
      <div class="group-head">
        <UserAvatar session={session} id={session.userId} name={name} size="large" />
        <div>
          <h3 dir="auto">{name}</h3>
          <p class="status">@{user?.username}</p>
          <button
            type="button"
            class="link"
            aria-haspopup="dialog"
            onClick={() => {
              inner.value = 'profile';
            }}
          >
            {w.editProfile}
          </button>
        </div>
      </div>
      <div class="own-address">
        <h3>{w.email}</h3>
        <p class="address">{user?.email ?? ''}</p>
        <p class="status">{user && (user.email_verified ? w.emailVerified : w.emailUnverified)}</p>
        <button
          type="button"
          class="link"
          aria-haspopup="dialog"
          onClick={() => {
            inner.value = 'email';
          }}
        >
          {user?.email_verified === false ? w.verifyEmail : w.changeEmail}
        </button>
      </div>
      <SettingsChoices onLanguage={(language) => session.profile.speak(language).catch(tellFailure)} />
      <button type="button" class="wide danger" onClick={logOut}>
        <Icon name="leave" /> {w.logOut}
      </button>
      {inner.value === 'profile' && <ProfileDialog session={session} onClose={closeInner} />}
      {inner.value === 'email' && <EmailDialog session={session} onClose={closeInner} />}
    </Dialog>
  );
}
