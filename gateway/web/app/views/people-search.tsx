import { useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import type { Person } from '../../../client/index.ts';
import type { Session } from '../state/session.ts';
import { errorWords } from '../words/errors.ts';
import { words } from '../words/words.ts';
import { UserAvatar } from './avatar.tsx';
import { Icon } from './icons.tsx';
import { moveFocus } from './roving.ts';

export interface PeopleSearchProps {
  session: Session;
  /** Without a choice of several, choosing one is all. */
  chosen?: readonly Person[];
  /** Who is not offered. */
  without?: readonly string[];
  onChoose(person: Person): void;
}

const waitMs = 200;

/** Finds people by name, as one types. */
export function PeopleSearch({ session, chosen, without = [], onChoose }: PeopleSearchProps) {
  const w = words.value;
  const text = useSignal('');
  const found = useSignal<readonly Person[] | undefined>(undefined);
  const failure = useSignal('');
  const input = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLUListElement>(null);
  const wanted = text.value.trim();

  // At once, or the first letters of who types on would be lost; a dialog that opens with it looks for `autofocus`.
  useLayoutEffect(() => {
    input.current?.focus();
  }, []);

  useEffect(() => {
    if (wanted === '') {
      found.value = undefined;
      failure.value = '';
      return;
    }
    let over = false;
    const timer = setTimeout(async () => {
      try {
        const { items } = await session.client.searchUsers(wanted);
        if (over) return;
        session.people.learn(items);
        found.value = items.filter(({ id }) => id !== session.userId && !without.includes(id));
        failure.value = '';
      } catch (error) {
        if (!over) failure.value = errorWords(error);
      }
    }, waitMs);
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [wanted]);

  const onKeyDown = (event: KeyboardEvent) => void moveFocus(event, list.current, 'button');
  return (
    <div class="people-search">
      <div class="search">
        <Icon name="search" small />
        <input
          ref={input}
          autofocus
          type="search"
          placeholder={w.findPeopleHint}
          aria-label={w.findPeople}
          autocapitalize="none"
          value={text.value}
          onInput={({ currentTarget }) => {
            text.value = currentTarget.value;
          }}
          onKeyDown={(event) => event.key === 'ArrowDown' && onKeyDown(event)}
        />
      </div>
      <ul ref={list} class="people" aria-label={w.findPeople}>
        {found.value?.map((person) => {
          const on = chosen?.some(({ id }) => id === person.id);
          return (
            <li key={person.id}>
              <button
                type="button"
                class="person"
                aria-pressed={on}
                onClick={() => onChoose(person)}
                onKeyDown={onKeyDown}
              >
                <UserAvatar session={session} id={person.id} name={person.display_name} />
                <span class="names">
                  <span class="title" dir="auto">
                    {person.display_name}
                  </span>
                  <span class="status">@{person.username}</span>
                </span>
                {on && <Icon name="check" />}
              </button>
            </li>
          );
        })}
      </ul>
      <p class="below" role="status">
        {failure.value || (found.value?.length === 0 ? w.nothingFound : '')}
      </p>
    </div>
  );
}
