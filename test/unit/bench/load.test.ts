import { expect } from 'chai';
import { dialects } from '../../../bench/driver/dialect.ts';
import type { Pattern } from '../../../bench/driver/jobs.ts';
import { Load } from '../../../bench/driver/load.ts';
import type { LoadSocket } from '../../../bench/driver/socket.ts';
import { isUuidV7 } from '../../../schemas/ids.ts';
import { eventually } from '../../support/eventually.ts';

interface Sent {
  id: string;
  chat_id: string;
  client_id: string;
  text: string;
}

/** What sockets were given to write, as the frames' bodies. */
function loadOf(pattern: Pattern, senders = 1, trace = false): { load: Load; sent: Sent[] } {
  const sent: Sent[] = [];
  const socket = {
    write(frames: Buffer) {
      for (const [, body = ''] of frames.toString('latin1').matchAll(/(\{"id".*?\})/g))
        sent.push(JSON.parse(body));
    },
  } as unknown as LoadSocket;
  const load = new Load({
    dialect: dialects.suhbat,
    sockets: Array.from({ length: senders }, () => socket),
    senders: Array.from({ length: senders }, (_, client) => ({ client, room: `room-${client}` })),
    pattern,
    textBytes: 100,
    acks: true,
    trace,
  });
  return { load, sent };
}

describe('a load of the bench', () => {
  it('that is closed keeps so many messages without an ack, and sends one for each ack or refusal', async () => {
    const { load, sent } = loadOf({ inFlight: 2 }, 3);
    load.start();
    expect(sent).to.have.length(6);
    load.onAck(Number(sent[1]?.id));
    load.onRefusal(Number(sent[2]?.id));
    expect(sent.slice(6).map(({ chat_id }) => chat_id)).to.deep.equal([sent[1]?.chat_id, sent[2]?.chat_id]);
    expect(load).to.include({ sent: 8, acked: 1, refused: 1 });
    const halted = load.halt();
    for (const { id } of sent.slice(3).concat(sent.slice(0, 1))) load.onAck(Number(id));
    await halted;
    expect(sent).to.have.length(8);
  });

  it('that is open sends what is due in bursts, however late, and counts lateness from when it was due', async () => {
    const { load, sent } = loadOf({ rate: 1000, burst: 5 });
    load.start();
    await eventually(async () => sent.length >= 50);
    const halting = load.halt();
    for (const { id } of sent) load.onAck(Number(id));
    await halting;
    const due = sent.map(({ text }) => Number(text.slice(2, 18)));
    for (const [at, time] of due.entries())
      expect(time).to.be.closeTo((due[0] ?? 0) + Math.floor(at / 5) * 5000, 1);
    expect(load.ack.totalCount).to.equal(sent.length);
  });

  it('sends texts of the size asked for, under ids of version 7 that are all different', () => {
    const { load, sent } = loadOf({ inFlight: 50 });
    load.start();
    expect(sent.every(({ text }) => text.length === 100)).to.equal(true);
    expect(sent.every(({ client_id }) => isUuidV7(client_id))).to.equal(true);
    expect(new Set(sent.map(({ client_id }) => client_id)).size).to.equal(50);
  });

  it('that is traced keeps each answer by its chat, and forgets what was before a mark', () => {
    const { load, sent } = loadOf({ inFlight: 1 }, 2, true);
    load.start();
    load.onAck(Number(sent[1]?.id));
    load.onRefusal(Number(sent[0]?.id));
    const dueUs = Number(sent[1]?.text.slice(2, 18));
    expect(load.answers.map(({ room, acked }) => [room, acked])).to.deep.equal([
      ['room-1', true],
      ['room-0', false],
    ]);
    expect(load.answers[0]?.dueUs).to.equal(dueUs);
    expect(load.answers[0]?.atUs).to.be.at.least(dueUs);
    load.reset();
    expect(load.answers).to.deep.equal([]);
  });
});
