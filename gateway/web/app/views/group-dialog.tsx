import { useSignal } from '@preact/signals';
import { useId } from 'preact/hooks';
import type { Member, Person } from '../../../client/index.ts';
import type { ChatModel } from '../state/model.ts';
import type { Session } from '../state/session.ts';
import { lastSeenWords } from '../words/times.ts';
import { words } from '../words/words.ts';
import { Avatar, UserAvatar } from './avatar.tsx';
import { titleOf } from './chat-words.ts';
import { Dialog, Question } from './dialog.tsx';
import { Icon } from './icons.tsx';
import { Chips } from './new-chat-dialog.tsx';
import { notice, tellFailure } from './notices.tsx';
import { PeopleSearch } from './people-search.tsx';

interface GroupProps {
  session: Session;
  chat: ChatModel;
  onClose(): void;
}

/** A group's name, its members, and the way out. */
export function GroupDialog({ session, chat, onClose }: GroupProps) {
  const w = words.value;
  const adding = useSignal(false);
  const leaving = useSignal(false);
  const { role, members_count } = chat.chat.value;
  const title = titleOf(chat);
  if (adding.value) return <AddPeople session={session} chat={chat} onClose={onClose} />;
  return (
    <Dialog title={w.groupInfo} onClose={onClose}>
      <div class="group-head">
        <Avatar id={chat.id} name={title} size="large" />
        {role === 'member' ? <h3 dir="auto">{title}</h3> : <Rename session={session} chat={chat} />}
      </div>
      <div class="section">
        <h3>{w.members(members_count)}</h3>
        <button
          type="button"
          class="link"
          onClick={() => {
            adding.value = true;
          }}
        >
          <Icon name="plus" small /> {w.addPeople}
        </button>
      </div>
      <ul class="people members">
        {(chat.members.value ?? []).map((member) => (
          <MemberRow key={member.user.id} session={session} chat={chat} member={member} />
        ))}
      </ul>
      {chat.moreMembers.value !== undefined && (
        <button type="button" class="link" onClick={() => session.chats.moreMembers(chat).catch(tellFailure)}>
          {w.showMore}
        </button>
      )}
      <button
        type="button"
        class="wide danger"
        onClick={() => {
          leaving.value = true;
        }}
      >
        <Icon name="leave" /> {w.leave}
      </button>
      {leaving.value && (
        <Question
          question={w.leaveQuestion(title)}
          yes={w.leave}
          onYes={() => session.client.leaveChat(chat.id).then(onClose, tellFailure)}
          onClose={() => {
            leaving.value = false;
          }}
        />
      )}
    </Dialog>
  );
}

function Rename({ session, chat }: Omit<GroupProps, 'onClose'>) {
  const w = words.value;
  const id = useId();
  const title = useSignal(titleOf(chat));
  const changed = title.value.trim() !== '' && title.value.trim() !== titleOf(chat);
  function save(event: SubmitEvent) {
    event.preventDefault();
    if (changed) session.client.updateChat(chat.id, { title: title.value.trim() }).catch(tellFailure);
  }
  return (
    <form class="rename" onSubmit={save}>
      <label class="unseen" for={id}>
        {w.groupName}
      </label>
      <input
        id={id}
        value={title.value}
        maxLength={128}
        dir="auto"
        autocomplete="off"
        onInput={({ currentTarget }) => {
          title.value = currentTarget.value;
        }}
      />
      <button type="submit" class="round accent" aria-label={w.rename} aria-disabled={!changed}>
        <Icon name="check" />
      </button>
    </form>
  );
}

function MemberRow({ session, chat, member }: Omit<GroupProps, 'onClose'> & { member: Member }) {
  const w = words.value;
  const { user, role } = member;
  const removing = useSignal(false);
  const mine = chat.chat.value.role;
  const self = user.id === session.userId;
  const name = user.display_name || user.username || w.deletedAccount;
  const presence = session.people.presence(user.id).value;
  const online = self || presence?.online === true;
  const manage = mine !== 'member' && !self && role !== 'owner';
  const setRole = (next: 'admin' | 'member') =>
    session.client.setRole(chat.id, user.id, next).catch(tellFailure);
  return (
    <li class="person">
      <UserAvatar session={session} id={user.id} name={name} online={online} />
      <span class="names">
        <span class="title" dir="auto">
          {self ? w.you : name}
          {role !== 'member' && <span class="role">{w[role]}</span>}
        </span>
        <span class="status">{online ? w.online : lastSeenWords(presence?.last_seen_at ?? null)}</span>
      </span>
      {manage && (
        <span class="buttons">
          <button type="button" class="small" onClick={() => setRole(role === 'admin' ? 'member' : 'admin')}>
            {role === 'admin' ? w.makeMember : w.makeAdmin}
          </button>
          <button
            type="button"
            class="round danger"
            aria-label={w.removeQuestion(name)}
            onClick={() => {
              removing.value = true;
            }}
          >
            <Icon name="close" small />
          </button>
        </span>
      )}
      {removing.value && (
        <Question
          question={w.removeQuestion(name)}
          yes={w.remove}
          onYes={() => session.client.removeMember(chat.id, user.id).catch(tellFailure)}
          onClose={() => {
            removing.value = false;
          }}
        />
      )}
    </li>
  );
}

function AddPeople({ session, chat, onClose }: GroupProps) {
  const w = words.value;
  const chosen = useSignal<readonly Person[]>([]);
  const there = (chat.members.value ?? []).map(({ user }) => user.id);
  function turn(person: Person) {
    const without = chosen.value.filter(({ id }) => id !== person.id);
    chosen.value = without.length < chosen.value.length ? without : [...without, person];
  }
  async function add() {
    if (chosen.value.length === 0) return;
    try {
      const ids = chosen.value.map(({ id }) => id);
      const { not_added } = await session.client.addMembers(chat.id, ids);
      onClose();
      if (not_added.length > 0) notice(w.notAdded(not_added.length));
    } catch (error) {
      tellFailure(error);
    }
  }
  return (
    <Dialog key="add" title={w.addPeople} onClose={onClose}>
      <Chips people={chosen.value} onRemove={turn} />
      <PeopleSearch session={session} chosen={chosen.value} without={there} onChoose={turn} />
      <button type="button" class="primary" aria-disabled={chosen.value.length === 0} onClick={add}>
        {w.add}
      </button>
    </Dialog>
  );
}
