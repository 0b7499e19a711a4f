import { expect } from 'chai';
import type { Message } from 'suhbat/client';
import { checkPromises, type Evidence } from '../../support/promises.ts';
import {
  type Change,
  createDeliveries,
  type Deliveries,
  deliver,
  type Entry,
} from '../../support/recorder.ts';
import { chatId, message } from './scene.ts';

/** What is delivered: a message, or a change of one. */
type Event = Message & { change?: true };

interface Story {
  anna: Entry[];
  boris: Event[];
  resets?: number[];
  changes?: Change[];
  history: Message[];
  raised?: number;
}

const written = (seq: number, more: Partial<Message> = {}) =>
  message(seq, seq, { client_id: `id ${seq}`, text: `text ${seq}`, ...more });
/** What an adopted chat goes on with. */
const raisedTo = (seq: number) =>
  message(seq, seq, { client_id: null, kind: 'service', text: '', service: { action: 'updated' } });
const invoke = (at: number, n: number): Entry => ({
  at,
  chat_id: chatId,
  type: 'invoke',
  client_id: `id ${n}`,
  text: `text ${n}`,
});
const ok = (at: number, n: number, seq = n): Entry => ({
  at,
  chat_id: chatId,
  type: 'ok',
  client_id: `id ${n}`,
  seq,
});
const told = (seq: number, changed_seq: number): Event => ({
  ...written(seq, { changed_seq }),
  change: true,
});
function delivered(events: readonly Event[], resets: readonly number[]): ReadonlyMap<string, Deliveries> {
  const own = createDeliveries();
  for (const event of events) deliver(own, event.change ? 'changed' : 'message', event, event);
  own.resets.push(...resets);
  return new Map([[chatId, own]]);
}
const changed = (what: Change['what'], value: string | null, end: Change['end']): Change => ({
  chat_id: chatId,
  target: 2,
  user_id: 'boris',
  what,
  value,
  end,
});
const liked = (emoji: string) =>
  written(2, { changed_seq: 6, reactions: [{ emoji, count: 1, user_ids: ['boris'] }] });
const failed = (type: 'fail' | 'unknown', n: number): Entry => ({
  at: 90,
  chat_id: chatId,
  type,
  client_id: `id ${n}`,
  code: 'x',
});

/** Five messages that Anna sent one after the other; Boris saw four of them; 5 and 6 changed message 2. */
function goodStory(): Story {
  const history = [
    written(1),
    written(2, { changed_seq: 6, text: 'edited', edited_at: 'then' }), // at 5 it was edited a first time
    written(3),
    written(4),
    written(7),
  ];
  return {
    anna: [1, 2, 3, 4, 7].flatMap((n) => [invoke(n * 10, n), ok(n * 10 + 5, n)]),
    boris: [written(2), written(3), written(4), told(2, 5), told(2, 6), written(7)],
    history,
  };
}

function check({ anna, boris, resets = [], changes = [], history, raised = 0 }: Story): string[] {
  const evidence: Evidence = {
    recorders: [
      { name: 'anna', records: anna, deliveries: new Map(), changes },
      { name: 'boris', records: [], deliveries: delivered(boris, resets), changes: [] },
    ],
    finalHistories: new Map([[chatId, history]]),
    raised: () => raised,
  };
  return checkPromises(evidence).map((breach) => breach.replace(`chat ${chatId}: `, ''));
}

describe('the checker of promises', () => {
  it('has nothing to say where all hold', () => {
    expect(check(goodStory())).to.deep.equal([]);
  });

  it('passes what is of unknown outcome, whether it appears or not', () => {
    const story = goodStory();
    story.anna.push(invoke(80, 8), failed('unknown', 8), invoke(81, 9), failed('unknown', 9));
    story.history.push(written(8));
    expect(check(story)).to.deep.equal([]);
  });

  it('passes the last acked change, and one of unknown outcome whether it was made or not', () => {
    for (const [text, emoji] of [
      ['edited', 'x'],
      ['maybe', 'y'],
    ] as const) {
      const story = goodStory();
      story.history.splice(1, 1, { ...liked(emoji), text, edited_at: 'then' });
      story.changes = [
        ...[changed('text', 'first', 'ok'), changed('text', 'edited', 'ok'), changed('text', 'no', 'fail')],
        changed('text', 'maybe', 'unknown'),
        ...[changed('reaction', 'y', 'unknown'), changed('reaction', 'x', 'ok')],
      ];
      expect(check(story)).to.deep.equal([]);
    }
  });

  it('passes a repair, which brings messages in their newest state', () => {
    const story = goodStory();
    story.boris = [written(2, { changed_seq: 6 }), written(3), written(4), written(7)];
    expect(check(story)).to.deep.equal([]);
  });

  it('asks nobody for changes before his first event, or after his last', () => {
    const story = goodStory();
    story.boris = [written(7)];
    expect(check(story)).to.deep.equal([]);
    story.boris = [written(2), written(3), written(4)];
    expect(check(story)).to.deep.equal([]);
  });

  it('passes the jump of a chat that was raised, and what follows it', () => {
    const story = goodStory();
    story.history.push(raisedTo(1_000_007), written(1_000_008));
    story.boris.push(raisedTo(1_000_007), written(1_000_008));
    expect(check({ ...story, raised: 1 })).to.deep.equal([]);
  });

  const seeded: [string, RegExp, (story: Story) => void][] = [
    ['an acked message that is lost', /promise 1: anna's id 7 .*nothing/, ({ history }) => history.pop()],
    [
      'an acked message at another seq',
      /promise 1: anna's id 4 was acked at 9, but nothing/,
      ({ anna }) => anna.splice(7, 1, ok(45, 4, 9)),
    ],
    [
      'an acked message whose seq another one took',
      /promise 1: anna's id 4 was acked at 3, but id 3/,
      ({ anna }) => anna.splice(7, 1, ok(45, 4, 3)),
    ],
    [
      'an acked message with another text',
      /promise 1: .*id 3 .*another text/,
      ({ history }) => history.splice(2, 1, written(3, { text: 'no' })),
    ],
    [
      'a message that is there twice',
      /promise 2: id 4 of .* stand at 4 and 8/,
      ({ history }) => history.push(written(8, { client_id: 'id 4' })),
    ],
    [
      'a message that was acked at two seqs',
      /promise 2: id 4's acks stand at 4 and 7/,
      ({ anna }) => anna.push(ok(99, 4, 7)),
    ],
    [
      'a jump that nobody made',
      /promise 3: 1 jumps, though it was raised 0 times/,
      ({ history }) => history.push(raisedTo(1_000_007)),
    ],
    [
      'a jump to a message of somebody',
      /promise 3: nothing is between 7 and 1000007/,
      (story) => {
        story.raised = 1;
        story.history.push(written(1_000_007));
      },
    ],
    ['a gap', /promise 3: seq 8 of 9 is missing/, ({ history }) => history.push(written(9))],
    [
      'a gap that no change explains',
      /promise 3: seq 5 of 7 is missing/,
      ({ history }) => history.splice(1, 1, written(2, { changed_seq: 2 })),
    ],
    [
      'a seq that two messages have',
      /promise 3: seq 3 is taken 2 times/,
      ({ history }) => history.push(written(3, { client_id: null })),
    ],
    [
      'a change at the seq of a message',
      /promise 3: seq 7 is taken 2 times/,
      ({ history }) => history.splice(0, 1, written(1, { changed_seq: 7, edited_at: 'then' })),
    ],
    ['a repeat', /promise 4: boris received 7 after 7/, ({ boris }) => boris.push(written(7))],
    [
      'another order',
      /promise 4: boris received 2 after 3/,
      ({ boris }) => boris.unshift(...boris.splice(1, 1)),
    ],
    [
      'a message that a receiver missed',
      /promise 4: boris received 4 but not 3 before/,
      ({ boris }) => boris.splice(1, 1),
    ],
    [
      'the last message, where a receiver missed it but was told of a change after it',
      /promise 4: boris received 8 but not 7 before/,
      ({ boris, history }) => {
        history.splice(3, 1, written(4, { changed_seq: 8, edited_at: 'then' }));
        boris.splice(5, 1, told(4, 8));
      },
    ],
    [
      'a change that a receiver missed',
      /promise 4: boris was told of 2 as of 5, but not of its change at 6/,
      ({ boris }) => boris.splice(4, 1),
    ],
    [
      'a change of an old message that a receiver missed',
      /promise 4: boris was told of 2 as of 2, but not of its change at 6/,
      ({ boris }) => boris.splice(3, 2),
    ],
    [
      'changes in another order',
      /promise 4: boris received 5 after 6/,
      ({ boris }) => boris.splice(3, 0, ...boris.splice(4, 1)),
    ],
    [
      'a change that comes twice',
      /promise 4: boris received 6 after 6/,
      ({ boris }) => boris.splice(4, 0, told(2, 6)),
    ],
    [
      'a message that is not in the history',
      /promise 4: boris received 8, which is not/,
      ({ boris }) => boris.push(written(8)),
    ],
    [
      'another message than the history holds',
      /promise 4: boris received another message 7/,
      ({ boris }) => boris.splice(5, 1, written(7, { client_id: 'id 70' })),
    ],
    [
      'a copy that had to be given up',
      /promise 4: boris had to begin anew/,
      (story) => {
        story.resets = [7];
      },
    ],
    [
      'a message that passed one acked before it was sent',
      /promise 5: .*id 8 has seq 8, but was sent after id 9 was acked at 9/,
      ({ anna, history }) => {
        anna.push(invoke(80, 9), ok(81, 9), invoke(82, 8), ok(83, 8));
        history.push(written(8), written(9));
      },
    ],
    [
      'one of unknown outcome that did so',
      /promise 5: .*id 8 has seq 8/,
      ({ anna, history }) => {
        anna.push(invoke(80, 9), ok(81, 9), invoke(82, 8), failed('unknown', 8));
        history.push(written(8), written(9));
      },
    ],
    [
      'an acked edit that is lost',
      /promise 1: the text of 2 was changed to second, but is edited/,
      (story) => {
        story.changes = [changed('text', 'edited', 'ok'), changed('text', 'second', 'ok')];
      },
    ],
    [
      'a refused edit that was made',
      /promise 1: the text of 2 was changed to undefined, but is edited/,
      (story) => {
        story.changes = [changed('text', 'edited', 'fail')];
      },
    ],
    [
      'an acked reaction that is lost',
      /promise 1: the reaction of boris to 2 was changed to x, but is null/,
      (story) => {
        story.changes = [changed('reaction', 'x', 'ok')];
      },
    ],
    [
      'a reaction that was taken back and is there again',
      /promise 1: the reaction of boris to 2 was changed to null, but is x/,
      (story) => {
        story.changes = [changed('reaction', 'x', 'ok'), changed('reaction', null, 'ok')];
        story.history.splice(1, 1, liked('x'));
      },
    ],
    [
      'a change of a message that is not there',
      /promise 1: the text of 8 was changed, but no message is there/,
      (story) => {
        story.changes = [{ ...changed('text', 'x', 'ok'), target: 8 }];
      },
    ],
    [
      'a refused message in the history',
      /promise 6: anna's id 8 was refused \(x\) but is in the history/,
      ({ anna, history }) => {
        anna.push(invoke(80, 8), failed('fail', 8));
        history.push(written(8));
      },
    ],
    [
      'a refused message that somebody received',
      /promise 6: anna's id 8 was refused \(x\) but was received by boris/,
      ({ anna, boris }) => {
        anna.push(invoke(80, 8), failed('fail', 8));
        boris.push(written(8));
      },
    ],
  ];
  for (const [breach, sentence, spoil] of seeded)
    it(`catches ${breach}`, () => {
      const story = goodStory();
      spoil(story);
      expect(check(story).filter((one) => sentence.test(one))).to.have.length(1);
    });

  it('catches a chat without a final history', () => {
    const evidence = {
      recorders: [{ name: 'anna', records: [ok(1, 1)], deliveries: new Map(), changes: [] }],
      finalHistories: new Map(),
    };
    expect(checkPromises(evidence)).to.deep.equal([`chat ${chatId}: there is no final history`]);
  });
});
