import type { Envelope } from '../../../ops/bus/bus.ts';
import { newId } from '../../../schemas/ids.ts';
import { type Client, connectReady } from './clients.ts';
import type { GatewayTest } from './support.ts';

/** A chat as its owner and the list of chats tell a gateway of it. */
export class TestChat {
  readonly id = newId();
  readonly members = new Set<string>();
  /** The seq of its newest membership change. */
  memberSeq = 3;

  message(text: string, seq: number, more: Partial<Envelope['chat']> = {}): Envelope {
    return {
      frame: JSON.stringify({ type: 'message.new', text }),
      chat: { id: this.id, seq, member_seq: this.memberSeq, ...more },
    };
  }

  /** A new user who is in it, connected. */
  async member(test: GatewayTest): Promise<{ user: string; client: Client }> {
    const user = newId();
    this.members.add(user);
    return { user, client: await connectReady(test, user) };
  }
}

/** The gateway's services and actors answer for these chats, as they are when they are asked. */
export function serveChats(test: GatewayTest, chats: readonly TestChat[]): void {
  test.services['chats.attach'] = (_: object, { user_id = '' }) => ({
    chats: chats
      .filter(({ members }) => members.has(user_id))
      .map(({ id, memberSeq }) => ({ id, member_seq: memberSeq })),
  });
  test.actors.answer = (kind, id, commands) => {
    const chat = chats.find((one) => one.id === id);
    return kind === 'chat' && chat !== undefined
      ? commands.map((command) => ({
          reply: { member: chat.members.has((command as { by: string }).by), member_seq: chat.memberSeq },
        }))
      : undefined;
  };
}
