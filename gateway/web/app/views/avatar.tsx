import { useSignal } from '@preact/signals';
import type { ChatModel } from '../state/model.ts';
import type { Session } from '../state/session.ts';
import { isOnline, titleOf } from './chat-words.ts';

/** A circle with somebody's picture, or the first letters of a name; the colour stays with the id. */

const colours = 8;

export function colourOf(id: string): number {
  let sum = 0;
  for (let at = 0; at < id.length; at++) sum = (sum * 31 + id.charCodeAt(at)) >>> 0;
  return (sum >>> 7) % colours; // ids made together differ at their ends only
}

function initials(name: string): string {
  const parts = name.trim().split(/\s+/).slice(0, 2);
  return parts.map((part) => [...part][0]?.toUpperCase() ?? '').join('');
}

export interface AvatarProps {
  id: string;
  name: string;
  /** The URL of a small picture. Until it is loaded, and where it cannot be, the letters are seen. */
  picture?: string | undefined;
  onLost?(picture: string): void;
  online?: boolean;
  size?: 'small' | 'large';
}

export function Avatar({ id, name, picture, onLost, online = false, size }: AvatarProps) {
  const lost = useSignal<string | undefined>(undefined);
  return (
    <span class={`avatar colour-${colourOf(id)} ${size ?? ''}`} aria-hidden="true">
      {initials(name)}
      {picture !== undefined && picture !== lost.value && (
        <img
          src={picture}
          alt=""
          loading="lazy"
          decoding="async"
          draggable={false}
          onError={() => {
            lost.value = picture;
            onLost?.(picture);
          }}
        />
      )}
      {online && <span class="online-dot" />}
    </span>
  );
}

/** The avatar of a user, as the page knows the user now. */
export function UserAvatar({
  session,
  ...props
}: Omit<AvatarProps, 'picture' | 'onLost'> & { session: Session }) {
  const { people } = session;
  const picture = people.get(props.id).value?.avatar?.thumb_url;
  return <Avatar {...props} picture={picture} onLost={(url) => people.lost(props.id, url)} />;
}

/** The other one of a private chat; else the chat's own letters. */
export function ChatAvatar({ session, chat }: { session: Session; chat: ChatModel }) {
  const { peer } = chat.chat.value;
  const name = titleOf(chat);
  if (peer === undefined) return <Avatar id={chat.id} name={name} />;
  return <UserAvatar session={session} id={peer.id} name={name} online={isOnline(session, chat)} />;
}
