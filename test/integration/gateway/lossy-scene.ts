import { Beacons } from '../../../actors/runtime/beacons.ts';
import type { Envelope } from '../../../ops/bus/bus.ts';
import { createLocalBus } from '../../../ops/bus/local-bus.ts';
import { systemClock } from '../../../ops/process/clock.ts';
import { newId } from '../../../schemas/ids.ts';
import { subjects } from '../../../schemas/subjects.ts';
import { arrives, createLossyBus, type LossyBus, lost, type Passage } from '../../support/lossy-bus.ts';
import { until } from '../../support/until.ts';
import type { Client } from './clients.ts';
import { type GatewayTest, startGateway } from './support.ts';
import { serveChats, TestChat } from './test-chat.ts';

/** A gateway, and beacons of an owner, with a network between them that does what a test says. New for each test. */
export interface LossyScene {
  bus: LossyBus;
  test: GatewayTest;
  owner: Beacons;
  /** What the gateway is told of; a test adds to it. */
  chats: TestChat[];
  /** The first of them. */
  group: TestChat;
  /** How often the gateway had logins read again. */
  rechecks: number;
  /** A new user who is in the group, connected. */
  member(): Promise<{ user: string; client: Client }>;
  /** The owner says to the group what every message here says: its seq. */
  say(seq: number, more?: Partial<Envelope['chat']>): void;
  beacons(): Envelope[];
  /** So many beacons have left, and what they caused has reached every client. */
  told(count: number, ...clients: Client[]): Promise<void>;
}

/** Sooner than in the product; the pace is what `beacons.test.ts` looks at. */
export const beaconOptions = { beaconMs: 200, headKeptMs: 1000, activations: 10_000 };

export function useLossyScene(options = beaconOptions): LossyScene {
  const scene = {
    member: () => scene.group.member(scene.test),
    say: (seq, more) =>
      scene.owner.publish(subjects.chat(scene.group.id), scene.group.message(`${seq}`, seq, more)),
    beacons: () =>
      scene.bus.published
        .map(({ envelope }) => envelope)
        .filter(({ chat }) => chat?.head_age_ms !== undefined),
    async told(count, ...clients) {
      await until(`${count} beacons`, () => scene.beacons().length >= count);
      for (const client of clients) await client.request({ id: newId(), type: 'ping' });
    },
  } as LossyScene;

  beforeEach(async () => {
    scene.group = new TestChat();
    scene.chats = [scene.group];
    scene.rechecks = 0;
    scene.bus = createLossyBus(createLocalBus());
    scene.owner = new Beacons({ bus: scene.bus, clock: systemClock, options });
    scene.test = await startGateway({
      bus: scene.bus,
      recheckLogins: async () => {
        scene.rechecks++;
      },
    });
    serveChats(scene.test, scene.chats);
  });
  afterEach(async () => {
    scene.owner.close();
    await scene.test.stop();
  });
  return scene;
}

/** A network that loses every message with this text. */
export const losing =
  (text: string) =>
  (_: string, envelope: Envelope): Passage =>
    envelope.frame.toString().includes(`"text":"${text}"`) ? lost : arrives;
