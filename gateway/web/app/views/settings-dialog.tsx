import { logOut } from '../state/current.ts';
import { login } from '../state/login.ts';
import type { Session } from '../state/session.ts';
import { words } from '../words/words.ts';
import { Avatar } from './avatar.tsx';
import { Dialog } from './dialog.tsx';
import { Icon } from './icons.tsx';
import { SettingsChoices } from './switches.tsx';

export function SettingsDialog({ session, onClose }: { session: Session; onClose(): void }) {
  const w = words.value;
  const user = login.value?.user;
  const name = String(user?.display_name ?? user?.username ?? '');
  return (
    <Dialog title={w.settings} onClose={onClose}>
      <div class="group-head">
        <Avatar id={session.userId} name={name} size="large" />
        <div>
          <h3 dir="auto">{name}</h3>
          <p class="status">@{user?.username}</p>
        </div>
      </div>
      <SettingsChoices />
      <button type="button" class="wide danger" onClick={logOut}>
        <Icon name="leave" /> {w.logOut}
      </button>
    </Dialog>
  );
}
