import type { Presence } from '../../schemas/frames/server.ts';
import { subjects } from '../../schemas/subjects.ts';
import type { UserCommand } from '../../schemas/user/commands.ts';
import type { Decision, Outgoing } from '../runtime/kind.ts';
import type { UserState } from './state.ts';

/** When was this user last seen: written behind to `users.last_seen_at`. */
export interface SeenMark {
  /** ISO 8601. */
  at: string;
}

export interface PresenceTimes {
  /** A socket that comes back within this was never away, in milliseconds. */
  graceMs: number;
  /** How long one `presence.ping` counts, in milliseconds. */
  pingMs: number;
}

/** Sockets of one user beyond this are not counted one by one. */
const mostConnections = 1000;

/** Presence with its grace: the event is the next state, and is told to watchers when `online` changes. */
export function decideUser(
  state: UserState,
  command: UserCommand,
  now: number,
  times: PresenceTimes,
): Decision<UserState, SeenMark> {
  const heard = changed(state, command, now, times);
  const next = judged(heard, now, times);
  const turned = next.online !== heard.online;
  const waits = next.online && next.connections.length === 0;
  return {
    reply: presenceOf(next),
    events: [next],
    marks: turned && !next.online && next.lastSeenAt !== null ? [{ at: next.lastSeenAt }] : [],
    frames: turned ? [presenceFrame(next)] : [],
    ...(waits && { wake_at: onlineUntil(next, times) }),
  };
}

function changed(state: UserState, command: UserCommand, now: number, times: PresenceTimes): UserState {
  switch (command.type) {
    case 'connect': {
      const connection = nameOf(command);
      const known = state.connections.includes(connection);
      const full = state.connections.length >= mostConnections;
      const connections = known || full ? state.connections : [...state.connections, connection];
      return { ...state, connections, leftAt: undefined };
    }
    case 'disconnect': {
      const connection = nameOf(command);
      const connections = state.connections.filter((other) => other !== connection);
      if (connections.length > 0) return { ...state, connections };
      if (state.connections.length > 0) return { ...state, connections, leftAt: now };
      // It opened while another node was the owner, who told watchers so: they must hear of its end.
      return state.leftAt === undefined ? { ...state, leftAt: now, online: true } : state;
    }
    case 'gateway.gone': {
      const own = `${command.gateway}/`;
      const connections = state.connections.filter((connection) => !connection.startsWith(own));
      if (connections.length === state.connections.length) return state;
      return { ...state, connections, leftAt: connections.length === 0 ? now : state.leftAt };
    }
    case 'presence.ping':
      return { ...state, pingedUntil: now + times.pingMs };
    case 'presence.get':
    case 'wake':
      return state;
  }
}

function nameOf({ gateway, connection }: { gateway: string; connection: string }): string {
  return `${gateway}/${connection}`;
}

/** Until when somebody without an open socket still counts as online. */
function onlineUntil(state: UserState, times: PresenceTimes): number {
  return Math.max(state.leftAt === undefined ? 0 : state.leftAt + times.graceMs, state.pingedUntil);
}

function judged(state: UserState, now: number, times: PresenceTimes): UserState {
  const online = state.connections.length > 0 || now < onlineUntil(state, times);
  if (online || !state.online) return { ...state, online };
  const seen = Math.max(state.leftAt ?? 0, state.pingedUntil - times.pingMs);
  return { ...state, online, lastSeenAt: new Date(Math.min(now, seen)).toISOString() };
}

function presenceOf(state: UserState): Presence {
  return { user_id: state.id, online: state.online, last_seen_at: state.lastSeenAt };
}

function presenceFrame(state: UserState): Outgoing {
  const frame = JSON.stringify({ type: 'presence', ...presenceOf(state) });
  return { subject: subjects.presence(state.id), envelope: { frame, droppable: true }, standing: true };
}
