import { useSignal } from '@preact/signals';
import { useId, useRef } from 'preact/hooks';
import { limits } from '../../../../schemas/limits.ts';
import type { Session } from '../state/session.ts';
import { errorWords } from '../words/errors.ts';
import { words } from '../words/words.ts';
import { UserAvatar } from './avatar.tsx';

/** The user's own picture: chosen, shown, taken off. Each holds at once. */
export function PictureChoice({ session }: { session: Session }) {
  const w = words.value;
  const hintId = useId();
  const input = useRef<HTMLInputElement>(null);
  const choose = useRef<HTMLButtonElement>(null);
  const busy = useSignal(false);
  const failure = useSignal('');
  const done = useSignal('');
  const { profile } = session;
  const mine = profile.mine.value;

  async function change(work: () => Promise<void>) {
    if (busy.value) return;
    busy.value = true;
    failure.value = '';
    done.value = '';
    try {
      await work();
      done.value = words.peek().saved;
    } catch (error) {
      failure.value = errorWords(error);
    } finally {
      busy.value = false;
    }
  }

  function chosen({ currentTarget }: { currentTarget: HTMLInputElement }) {
    const [file] = currentTarget.files ?? [];
    currentTarget.value = ''; // the same file can be chosen again
    if (file === undefined) return;
    if (file.size > limits.avatar) failure.value = w.failed.pictureTooLarge;
    else void change(() => profile.wear(file));
  }

  function takeOff() {
    choose.current?.focus(); // the button goes
    void change(() => profile.takeOff());
  }

  return (
    <fieldset class="picture">
      <legend class="unseen">{w.picture}</legend>
      <UserAvatar session={session} id={session.userId} name={mine?.display_name ?? ''} size="large" />
      <div>
        <input
          ref={input}
          type="file"
          hidden
          accept="image/jpeg,image/png,image/webp,image/gif"
          onChange={chosen}
        />
        <button
          ref={choose}
          type="button"
          class="link"
          aria-describedby={hintId}
          aria-disabled={busy.value}
          onClick={() => !busy.value && input.current?.click()}
        >
          {busy.value ? w.uploading : mine?.avatar ? w.changePicture : w.choosePicture}
        </button>
        <p id={hintId} class={failure.value === '' ? 'hint' : 'hint wrong'} role="status">
          {failure.value || done.value || w.pictureHint}
        </p>
        {mine?.avatar && (
          <button type="button" class="link danger" aria-disabled={busy.value} onClick={takeOff}>
            {w.removePicture}
          </button>
        )}
      </div>
    </fieldset>
  );
}
