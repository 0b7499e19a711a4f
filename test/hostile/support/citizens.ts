import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { newId } from '../../../schemas/ids.ts';
import { eventually } from '../../support/eventually.ts';
import { type Line, openLine } from './line.ts';
import { newUser } from './people.ts';
import type { Target } from './target.ts';

/** Two well-behaved users who talk all the time. */
export interface Citizens {
  /** Messages that were sent, acknowledged and delivered. */
  heard(): number;
  /** Has one of them been let down? `stop` says how. */
  failed(): boolean;
  /** Ends the talk. Throws where one of their messages was lost, refused or kept waiting too long. */
  stop(): Promise<void>;
}

/** Well below every rate limit. */
const paceMs = 50;
const patienceMs = 20_000;

async function startCitizens(target: Target): Promise<Citizens> {
  const users = [await newUser(target), await newUser(target)] as const;
  const lines = [await openLine(target, users[0]), await openLine(target, users[1])] as const;
  let stopped = false;
  let heard = 0;
  let failed: unknown;

  async function say(from: Line, to: Line, user_id: string, text: string): Promise<void> {
    const sent = await from.ask('message.send', { user_id, client_id: newId(), kind: 'text', text });
    expect(sent, JSON.stringify(sent)).to.include({ type: 'ok' });
    await to.frame(`the message ${text}`, (frame) => frame.type === 'message.new' && frame.text === text);
    heard++;
  }

  async function talk(): Promise<void> {
    for (let turn = 0; !stopped; turn++) {
      const [from, to, other] =
        turn % 2 === 0 ? [lines[0], lines[1], users[1]] : [lines[1], lines[0], users[0]];
      await say(from, to, other.id, `message ${turn}`);
      await pause(paceMs);
    }
  }

  const talking = talk().catch((error: unknown) => {
    failed = error;
  });
  return {
    heard: () => heard,
    failed: () => failed !== undefined,
    async stop() {
      stopped = true;
      await talking;
      for (const line of lines) line.close();
      if (failed !== undefined) throw failed;
    },
  };
}

/** Runs the abuse while citizens talk: what they say is delivered before, meanwhile and after. */
export async function amongCitizens(target: Target, abuse: () => Promise<void>): Promise<void> {
  const citizens = await startCitizens(target);
  try {
    await abuse();
    const before = citizens.heard();
    await eventually(() => citizens.heard() >= before + 2 || citizens.failed(), patienceMs);
  } finally {
    await citizens.stop();
  }
}
