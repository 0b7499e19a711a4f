import { useSignal } from '@preact/signals';
import { useId } from 'preact/hooks';
import type { Person } from '../../../client/index.ts';
import { openChat } from '../state/route.ts';
import type { Session } from '../state/session.ts';
import { errorWords } from '../words/errors.ts';
import { words } from '../words/words.ts';
import { Dialog } from './dialog.tsx';
import { Icon } from './icons.tsx';
import { PeopleSearch } from './people-search.tsx';

export interface NewChatProps {
  session: Session;
  onClose(): void;
}

/** One person makes a private chat; a name and some people make a group. */
export function NewChatDialog({ session, onClose }: NewChatProps) {
  const w = words.value;
  const grouping = useSignal(false);
  const failure = useSignal('');

  async function talkTo(person: Person) {
    try {
      const chat = await session.client.createPrivateChat({ user_id: person.id });
      onClose();
      openChat(chat.id);
    } catch (error) {
      failure.value = errorWords(error);
    }
  }

  if (grouping.value) return <NewGroup session={session} onClose={onClose} />;
  return (
    <Dialog title={w.newChat} onClose={onClose}>
      <PeopleSearch session={session} onChoose={talkTo} />
      <p class="failure" role="alert">
        {failure.value}
      </p>
      <button
        type="button"
        class="wide"
        onClick={() => {
          grouping.value = true;
        }}
      >
        <Icon name="people" /> {w.newGroup}
      </button>
    </Dialog>
  );
}

function NewGroup({ session, onClose }: NewChatProps) {
  const w = words.value;
  const titleId = useId();
  const title = useSignal('');
  const chosen = useSignal<readonly Person[]>([]);
  const failure = useSignal('');
  const busy = useSignal(false);
  const ready = title.value.trim() !== '' && !busy.value;

  function turn(person: Person) {
    const without = chosen.value.filter(({ id }) => id !== person.id);
    chosen.value = without.length < chosen.value.length ? without : [...without, person];
  }

  async function create(event: SubmitEvent) {
    event.preventDefault();
    if (!ready) return;
    busy.value = true;
    try {
      const chat = await session.client.createGroup({
        title: title.value.trim(),
        member_ids: chosen.value.map(({ id }) => id),
      });
      onClose();
      openChat(chat.id);
    } catch (error) {
      failure.value = errorWords(error);
      busy.value = false;
    }
  }

  return (
    <Dialog key="group" title={w.newGroup} onClose={onClose}>
      <form onSubmit={create}>
        <div class="field">
          <label for={titleId}>{w.groupName}</label>
          <input
            id={titleId}
            value={title.value}
            maxLength={128}
            autocomplete="off"
            onInput={({ currentTarget }) => {
              title.value = currentTarget.value;
            }}
          />
        </div>
        <Chips people={chosen.value} onRemove={turn} />
        <PeopleSearch session={session} chosen={chosen.value} onChoose={turn} />
        <p class="failure" role="alert">
          {failure.value}
        </p>
        <button type="submit" class="primary" aria-disabled={!ready}>
          {w.create}
        </button>
      </form>
    </Dialog>
  );
}

export function Chips({ people, onRemove }: { people: readonly Person[]; onRemove(person: Person): void }) {
  return (
    <ul class="chips" aria-label={words.value.selected(people.length)}>
      {people.map((person) => (
        <li key={person.id}>
          <button
            type="button"
            aria-label={`${words.value.remove}: ${person.display_name}`}
            onClick={() => onRemove(person)}
          >
            {person.display_name} <Icon name="close" small />
          </button>
        </li>
      ))}
    </ul>
  );
}
