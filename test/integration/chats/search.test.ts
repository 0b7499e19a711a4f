import { expect } from 'chai';
import { newId } from '../../../schemas/ids.ts';
import type { FoundMessage, FoundMessages } from '../../../schemas/rest/messages.ts';
import { eventually } from '../../support/eventually.ts';
import { type Chats, startChats } from './support.ts';

const route = 'GET /messages/search';

describe('search of messages', function () {
  this.timeout(60_000);
  let chats: Chats;

  before(async () => {
    chats = await startChats();
  });
  after(() => chats?.stop());
  afterEach(() => chats.flush.release());

  async function search(user: string, query: Record<string, string>): Promise<FoundMessages> {
    return (await chats.rest<FoundMessages>(user, route, { query })).body;
  }

  async function found(user: string, q: string, more: Record<string, string> = {}): Promise<string[]> {
    return (await search(user, { q, ...more })).items.map(({ text }) => text);
  }

  async function refused(user: string, query: Record<string, string>) {
    return search(user, query).then(
      () => 'answered',
      ({ refusal }) => [refusal.code, refusal.reason ?? refusal.errors?.[0]?.path],
    );
  }

  /** A group of two, and what was said there by the first; all of it is flushed, as it is in memory no more. */
  async function said(...texts: string[]) {
    const [owner, member] = [await chats.aUser(), await chats.aUser()];
    const { id: chat_id } = await chats.group(owner, [member]);
    const seqs: number[] = [];
    for (const text of texts) seqs.push((await chats.send(owner, chat_id, text)).seq);
    await chats.cold();
    return { owner, member, chat_id, seqs };
  }

  it('finds by every word of the query, in any order and case, the newest first', async () => {
    const { owner } = await said('Ertaga CHOYXONAGA boramiz', 'choyxona yopiq', 'ertaga emas, bugun', 'xayr');
    expect(await found(owner, 'choyxona')).to.deep.equal(['choyxona yopiq', 'Ertaga CHOYXONAGA boramiz']);
    expect(await found(owner, 'Choyxona  ERTAGA')).to.deep.equal(['Ertaga CHOYXONAGA boramiz']);
    expect(await found(owner, 'oyxon')).to.have.length(2);
    expect(await found(owner, 'choyxona bugun')).to.deep.equal([]);
  });

  it('finds words of one and two letters where a word begins', async () => {
    const { owner } = await said('bu kitob', 'abu kitob', '(bugun)', 'Bu', 'su\nbu', 'x «buxoro»');
    expect(await found(owner, 'bu')).to.deep.equal(['x «buxoro»', 'su\nbu', 'Bu', '(bugun)', 'bu kitob']);
    expect(await found(owner, 'b k')).to.deep.equal(['bu kitob']);
  });

  it('finds Cyrillic whatever its case, and Uzbek whatever the apostrophe', async () => {
    const { owner } = await said('Привет, МОСКВА', 'o‘zbekcha', "O'ZBEK tili", 'oʻzbekman', 'ozbek');
    expect(await found(owner, 'москва ПРИВЕТ')).to.deep.equal(['Привет, МОСКВА']);
    expect(await found(owner, 'пр')).to.deep.equal(['Привет, МОСКВА']);
    for (const q of ["o'zbek", 'o‘zbek', 'oʻzbek', 'O`ZBEK', 'o’zb'])
      expect(await found(owner, q)).to.deep.equal(['oʻzbekman', "O'ZBEK tili", 'o‘zbekcha']);
  });

  it('takes every other sign for itself: wildcards, expressions, emoji', async () => {
    const texts = [
      '100% tayyor',
      '1000 tayyor',
      'a_b_c d',
      'axbxc d',
      'back\\slash',
      'f(x) = [y]',
      '👍🏽 zo‘r',
      '.*',
      '***',
    ];
    const { owner } = await said(...texts);
    for (const [q, text] of [
      ['100%', '100% tayyor'],
      ['a_b', 'a_b_c d'],
      ['back\\s', 'back\\slash'],
      ['f(x)', 'f(x) = [y]'],
      ['[y]', 'f(x) = [y]'],
      ['.*', '.*'],
      ['***', '***'],
      ['👍', '👍🏽 zo‘r'],
    ] as const)
      expect(await found(owner, q), q).to.deep.equal([text]);
    for (const q of [
      '%',
      '_',
      '\\',
      '(',
      '[',
      '{',
      '?',
      '+',
      '^',
      '$',
      '|',
      '(?i)',
      '***=',
      '\\m',
      '[[:alpha:]]',
    ])
      for (const text of await found(owner, q)) expect(text).to.include(q);
  });

  it('searches the chats of the caller alone', async () => {
    const word = `sirli${newId()}`;
    const { owner, member, chat_id } = await said(word);
    const stranger = await chats.aUser();
    const { id: other } = await chats.group(stranger, []);
    expect(await found(member, word)).to.deep.equal([word]);
    expect(await found(stranger, word)).to.deep.equal([]);
    expect(await found(stranger, word, { chat_id: other })).to.deep.equal([]);
    expect(await found(stranger, word, { sender_id: owner })).to.deep.equal([]);
    expect(await refused(stranger, { q: word, chat_id })).to.deep.equal(['not_found', 'no_chat']);
    expect(await refused(stranger, { q: word, chat_id: newId() })).to.deep.equal(['not_found', 'no_chat']);
    await chats.cold();
    expect(await refused(stranger, { q: word, chat_id })).to.deep.equal(['not_found', 'no_chat']);
    expect(await found(member, word, { chat_id })).to.deep.equal([word]);
  });

  it('gives nothing more to who was removed or has left, and all of it to who comes', async () => {
    const word = `gap${newId()}`;
    const { owner, member, chat_id } = await said(word);
    const guest = await chats.aUser();
    await chats.as(owner, 'add_members', { chat_id, user_ids: [guest] });
    expect(await found(guest, word)).to.deep.equal([word]);
    await chats.tell(owner, chat_id, { type: 'member.remove', user_id: guest });
    await chats.tell(member, chat_id, { type: 'chat.leave' });
    for (const gone of [guest, member]) {
      expect(await found(gone, word)).to.deep.equal([]);
      expect(await refused(gone, { q: word, chat_id })).to.deep.equal(['not_found', 'no_chat']);
    }
    expect(await found(owner, word)).to.deep.equal([word]);
  });

  it('asks the owner, where the rows do not know yet that the caller was removed', async () => {
    const word = `hali${newId()}`;
    const { owner, member, chat_id } = await said(word);
    chats.flush.hold();
    // Its answer waits for the flush; from its commit on the member may read nothing.
    const removing = chats.tell(owner, chat_id, { type: 'member.remove', user_id: member });
    await eventually(async () => (await found(member, word)).length === 0);
    expect(await refused(member, { q: word, chat_id })).to.deep.equal(['not_found', 'no_chat']);
    expect(await found(owner, word)).to.deep.equal([word]);
    chats.flush.release();
    await removing;
  });

  it('finds messages as they are by now: edited ones by their new text, deleted ones and services never', async () => {
    const { owner, chat_id, seqs } = await said('birinchi xabar', 'ikkinchi xabar', 'uchinchi xabar');
    const [first, second] = seqs;
    const { seq } = await chats.tell(owner, chat_id, {
      type: 'message.edit',
      target: first,
      text: 'boshqa gap',
    });
    await chats.tell(owner, chat_id, { type: 'message.delete', target: second });
    await chats.cold();
    expect(await found(owner, 'xabar')).to.deep.equal(['uchinchi xabar']);
    const { items } = await search(owner, { q: 'boshqa' });
    expect(items.map(({ changed_seq }) => changed_seq)).to.deep.equal([seq]);
    for (const q of ['Group', 'created', 'joined']) expect(await found(owner, q)).to.deep.equal([]);
  });

  it('filters by chat, sender, kind and time, both ends included', async () => {
    const { owner, member, chat_id } = await said('suzish bir');
    await chats.send(member, chat_id, 'suzish ikki');
    const { id: other } = await chats.group(owner, []);
    await chats.send(owner, other, 'suzish uch');
    await chats.cold();
    const all = (await search(owner, { q: 'suzish' })).items;
    expect(all.map(({ text }) => text)).to.deep.equal(['suzish uch', 'suzish ikki', 'suzish bir']);
    expect(await found(owner, 'suzish', { chat_id })).to.deep.equal(['suzish ikki', 'suzish bir']);
    expect(await found(owner, 'suzish', { sender_id: member })).to.deep.equal(['suzish ikki']);
    expect(await found(owner, 'suzish', { kind: 'text' })).to.have.length(3);
    expect(await found(owner, 'suzish', { kind: 'voice' })).to.deep.equal([]);
    const [newest, middle] = all as [FoundMessage, FoundMessage];
    const at = middle.created_at;
    const just = all.filter(({ created_at }) => created_at === at).map(({ text }) => text);
    expect(await found(owner, 'suzish', { from: at, to: at })).to.deep.equal(just);
    expect(await found(owner, 'suzish', { from: at })).to.include('suzish uch');
    expect(await found(owner, 'suzish', { to: at.replace('Z', '+00:00') })).to.include('suzish bir');
    const later = new Date(Date.parse(newest.created_at) + 1).toISOString();
    expect(await found(owner, 'suzish', { from: later })).to.deep.equal([]);
    expect(await refused(owner, { q: 'suzish', from: '2026-06-30T23:59:60Z' })).to.deep.equal([
      'invalid',
      '/from',
    ]);
    expect(
      await found(owner, 'suzish', { from: '0000-01-01T00:00:00Z', to: '9999-12-31T23:59:59Z' }),
    ).to.have.length(3);
  });

  it('ends a page where the next long message would make it too long for one answer', async () => {
    const { owner, member, chat_id } = await said();
    const long = '\u0001'.repeat(4000);
    for (let i = 0; i < 25; i++) await chats.send(member, chat_id, `uzun ${i} ${long}`);
    await chats.cold();
    const seqs: number[] = [];
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page = await search(owner, { q: 'uzun', limit: '100', ...(cursor && { cursor }) });
      expect(JSON.stringify(page).length).to.be.below(300 * 1024);
      expect(page.items.length).to.be.within(1, 12);
      seqs.push(...page.items.map(({ seq }) => seq));
      cursor = page.next_cursor;
    }
    expect(seqs).to.have.length(25);
    expect(seqs).to.deep.equal([...new Set(seqs)].sort((one, other) => other - one));
  });

  it('pages through all that was there, each once and in order, while more is said', async () => {
    const { owner, member, chat_id } = await said();
    const { id: other } = await chats.group(owner, [member]);
    const expected: string[] = [];
    for (let i = 0; i < 60; i++) {
      const text = `qadam ${i}`;
      const at = i % 3 === 0 ? other : chat_id;
      await chats.send(i % 2 ? owner : member, at, text);
      expected.unshift(text);
    }
    await chats.cold();
    const pages: FoundMessage[] = [];
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page = await search(owner, { q: 'qadam', limit: '7', ...(cursor && { cursor }) });
      expect(page.items.length).to.be.at.most(7);
      pages.push(...page.items);
      cursor = page.next_cursor;
      await chats.send(owner, chat_id, 'qadam yangi');
    }
    const old = pages
      .filter(({ text }) => text !== 'qadam yangi')
      .map(({ chat_id: at, seq }) => `${at}/${seq}`);
    expect(old).to.have.length(expected.length);
    expect(new Set(old).size).to.equal(old.length);
    const keys = pages.map(({ created_at, chat_id: at, seq }) =>
      [created_at, at, String(seq).padStart(9, '0')].join(),
    );
    expect(keys).to.deep.equal(keys.toSorted().reverse());
  });

  it('says in UTF-16 code units where the words are in a plain excerpt', async () => {
    const long = `${'😀 '.repeat(100)}<b>Salom</b> dunyo, salomlar ${'😀'.repeat(200)}`;
    const { owner } = await said(long, 'Bu bog‘ — bog‘cha');
    const cut = (await search(owner, { q: 'salom dun' })).items[0] as FoundMessage;
    expect(cut.excerpt.length).to.be.within(100, 164);
    expect(cut.excerpt.isWellFormed()).to.equal(true);
    expect(cut.excerpt).to.match(/^…/).and.to.match(/…$/);
    expect(cut.highlights.map(([from, to]) => cut.excerpt.slice(from, to))).to.deep.equal([
      'Salom',
      'dun',
      'salom',
    ]);
    const whole = (await search(owner, { q: "bog' b" })).items[0] as FoundMessage;
    expect(whole.excerpt).to.equal('Bu bog‘ — bog‘cha');
    expect(whole.highlights).to.deep.equal([
      [0, 1],
      [3, 7],
      [10, 14],
    ]);
  });

  it('gives the message as the history does', async () => {
    const { owner, chat_id, seqs } = await said('tarix va qidiruv');
    await chats.tell(owner, chat_id, { type: 'reaction.set', target: seqs[0], emoji: '👍' });
    await chats.cold();
    const [item] = (await search(owner, { q: 'qidiruv' })).items as [FoundMessage];
    const { excerpt, highlights, ...message } = item;
    expect([excerpt, highlights]).to.deep.equal(['tarix va qidiruv', [[9, 16]]]);
    const page = await chats.as<{ messages: object[] }>(owner, 'history', { chat_id, limit: 1 });
    expect(message).to.deep.equal(page.messages[0]);
  });

  it('refuses cursors of its own making only in form, and words that are none', async () => {
    const { owner } = await said('so‘z');
    const cursor = (...parts: unknown[]) => Buffer.from(parts.join(' ')).toString('base64url');
    const id = newId();
    for (const bad of [
      'x',
      cursor('c', 1, id, 1, 0),
      cursor('s', 1, id, 1),
      cursor('s', 1, '-'.repeat(36), 1, 0),
      cursor('s', '9'.repeat(16), id, 1, 0),
      cursor('s', 1, id, '9'.repeat(16), 0),
      cursor('s', '2026-13-99T99:99:99.999Z', id, 1, 0),
    ])
      expect(await refused(owner, { q: 'so', cursor: bad }), bad).to.deep.equal(['invalid', 'bad_cursor']);
    expect((await search(owner, { q: 'so', cursor: cursor('s', 1, id, 1, 1) })).items).to.deep.equal([]);
    for (const q of ['', '  ', 'a b c d e f g h i j k', 'x'.repeat(101), 'a\0'])
      expect(await refused(owner, { q }), q).to.deep.equal(['invalid', '/q']);
  });

  it('begins no more than some searches at once; those who wait too long are refused, and can repeat', async () => {
    const { owner } = await said('navbat');
    const answers = await Promise.all(Array.from({ length: 100 }, () => refused(owner, { q: 'navbat' })));
    const refusals = answers.filter((answer) => answer !== 'answered');
    // Two at once, and of the 64 that wait those whose turn comes in time.
    expect(answers.length - refusals.length).to.be.within(3, 66);
    for (const refusal of refusals) expect(refusal).to.deep.equal(['unavailable', 'database_busy']);
    expect(await found(owner, 'navbat')).to.deep.equal(['navbat']);
  });
});
