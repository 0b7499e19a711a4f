import { Parser } from '@asyncapi/parser';
import { expect } from 'chai';
import type { Json } from '../../../gateway/documents/components.ts';
import { eventExamples } from '../../../gateway/documents/examples/events.ts';
import type { FrameExample } from '../../../gateway/documents/examples/example.ts';
import { frameExamples } from '../../../gateway/documents/examples/frames.ts';
import * as scene from '../../../gateway/documents/examples/scene.ts';
import { handlers } from '../../../gateway/websocket/handlers.ts';
import { closeCodes } from '../../../schemas/errors.ts';
import { requestFrames } from '../../../schemas/frames/client.ts';
import { type EventFrame, type EventType, eventFrames, replyFrames } from '../../../schemas/frames/server.ts';
import { openSocket, type Socket } from '../product/support/socket.ts';
import { differences } from './alike.ts';
import { checker, pointer } from './check.ts';
import { useServer } from './server.ts';
import { buildWorld, type World } from './world.ts';

describe('the AsyncAPI document', function () {
  this.timeout(120_000);

  const server = useServer({ SUHBAT_RATE_LIMIT_FACTOR: '1000', SUHBAT_PRESENCE_GRACE: '100' });
  const sockets: Socket[] = [];
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.close();
  });

  let check: ReturnType<typeof checker>;
  let messages: Record<string, Json & { examples?: { name: string; payload: Json }[] }> = {};
  before(() => {
    check = checker(server().asyncApi, 'draft-07');
    messages = (server().asyncApi.components as { messages: typeof messages }).messages;
  });

  async function open(world: World, person: scene.Person): Promise<Socket> {
    const socket = await openSocket(server().url, { token: world.tokens[person] });
    sockets.push(socket);
    await socket.event('ready');
    return socket;
  }

  /** Holds a frame to the payload of a message. */
  function hold(name: string, frame: unknown): void {
    const wrong = check(`/components/messages${pointer(name)}/payload`, frame);
    expect(wrong, JSON.stringify(frame)).to.equal(undefined);
  }

  const shown = (name: string, title: string) =>
    messages[name]?.examples?.find((example) => example.name === title)?.payload;

  it('is one that the parser of AsyncAPI takes without a warning', async () => {
    const { diagnostics } = await new Parser().parse(JSON.stringify(server().asyncApi));
    const said = diagnostics.filter(({ severity }) => severity <= 1);
    expect(said.map(({ code, message, path }) => `${code} ${path.join('/')}: ${message}`)).to.deep.equal([]);
  });

  it('has every request and every event of the tables, and no others', () => {
    const requests = Object.keys(requestFrames);
    expect(Object.keys(handlers)).to.have.members(requests);
    expect(Object.keys(replyFrames)).to.have.members(requests);
    const named = [
      ...requests.flatMap((type) => [`request.${type}`, `reply.${type}`, `refusal.${type}`]),
      ...Object.keys(eventFrames).map((type) => `event.${type}`),
      'error',
    ];
    expect(Object.keys(messages)).to.have.members(named);
    const operations = server().asyncApi.operations as Record<string, Json>;
    expect(Object.keys(operations)).to.have.members(named.filter((name) => !/^(reply|refusal)\./.test(name)));
    for (const [name, { action, reply }] of Object.entries(operations)) {
      const asks = name.startsWith('request.');
      expect([action, reply !== undefined], name).to.deep.equal([asks ? 'receive' : 'send', asks]);
    }
  });

  it('names every code that a socket may be closed with', () => {
    const { socket } = server().asyncApi.channels as { socket: { address: string; description: string } };
    expect(socket.address).to.equal('/ws');
    for (const { code } of Object.values(closeCodes)) expect(socket.description).to.include(`| ${code} |`);
  });

  it('shows examples that fit its own schemas', () => {
    for (const [name, { examples = [] }] of Object.entries(messages))
      for (const { name: title, payload } of examples) {
        const refused = shown(`refusal.${name.replace('request.', '')}`, title);
        // Shown because it breaks the schema.
        if (name.startsWith('request.') && refused?.code === 'invalid') continue;
        hold(name, payload);
      }
  });

  for (const [type, examples] of Object.entries(frameExamples)) {
    it(`shows requests with the answer that they get: ${type}`, async () => {
      await Promise.all(
        Object.entries(examples as Record<string, FrameExample>).map(async ([title, example]) => {
          const world = await buildWorld(server().url);
          const socket = await open(world, example.by ?? 'ali');
          const { id, type: named, ...fields } = world.real(shown(`request.${type}`, title) as Json);
          expect(named).to.equal(type);
          const frame = world.example(await socket.ask(type, fields, String(id)));
          const kind = 'refusal' in example ? 'refusal' : 'reply';
          hold(`${kind}.${type}`, frame);
          expect(differences(shown(`${kind}.${type}`, title), frame), title).to.deep.equal([]);
          const operations = server().asyncApi.operations as Record<string, Record<string, Json>>;
          if (frame.type === 'error' && frame.reason !== undefined)
            expect(operations[`request.${type}`]?.['x-reasons']?.[String(frame.code)]).to.include(
              frame.reason,
            );
        }),
      );
    });
  }

  /** What makes each event happen to Ali; the others cannot be made to. */
  const causes: { readonly [T in EventType]?: (ali: Socket, world: World) => unknown } = {
    ready: () => {},
    'message.new': (_, world) =>
      rest(world, 'vali', 'POST', `/chats/${scene.groupId}/messages`, {
        text: 'Choy tayyor!',
        client_id: scene.clientId(10),
      }),
    'message.changed': (_, world) =>
      rest(world, 'vali', 'PATCH', `/chats/${scene.groupId}/messages/5`, {
        text: 'Salom! Choyga qachon kelasiz?',
      }),
    'chat.new': (_, world) =>
      rest(world, 'guli', 'POST', '/chats', { type: 'private', user_id: scene.people.ali.id }),
    'chat.gone': (_, world) => rest(world, 'ali', 'DELETE', `/chats/${scene.groupId}`),
    read: (_, world) => rest(world, 'vali', 'POST', `/chats/${scene.groupId}/read`, { seq: scene.groupHead }),
    typing: (_, world) => rest(world, 'vali', 'POST', `/chats/${scene.groupId}/typing`, { active: true }),
    presence: async (ali, world) => {
      await ali.request('presence.watch', { user_ids: [world.real(scene.people.vali.id)] });
      await open(world, 'vali');
    },
  };

  async function rest(world: World, by: scene.Person, method: string, path: string, body?: object) {
    const real = path
      .split('/')
      .map((part) => world.real(part))
      .join('/');
    const response = await fetch(`${server().url}/api/v1${real}`, {
      method,
      headers: { Authorization: `Bearer ${world.tokens[by]}`, 'Content-Type': 'application/json' },
      ...(body && { body: JSON.stringify(world.real(body)) }),
    });
    expect(response.ok, await response.text()).to.equal(true);
  }

  for (const [type, cause] of Object.entries(causes) as [EventType, NonNullable<(typeof causes)['ready']>][])
    it(`shows events as they come: ${type}`, async () => {
      const world = await buildWorld(server().url);
      const ali = await open(world, 'ali');
      await cause(ali, world);
      const frame = world.example(await ali.event(type));
      hold(`event.${type}`, frame);
      expect(differences(shown(`event.${type}`, 'example'), frame)).to.deep.equal([]);
    });

  it('shows the refusal of what has no id', async () => {
    const ali = await open(await buildWorld(server().url), 'ali');
    ali.raw('{"type":"ping"}');
    const frame = await ali.until('the refusal', () => ali.frames.find(({ type }) => type === 'error'));
    hold('error', frame);
    expect(frame).to.include({ code: 'invalid', reason: 'no_id' });
  });

  it('shows what every socket is told when the server stops', async () => {
    const ali = await open(await buildWorld(server().url), 'ali');
    server().program.signal('SIGTERM');
    const frame: EventFrame<'bye'> = await ali.event('bye');
    hold('event.bye', frame);
    expect(differences({ type: 'bye', ...eventExamples.bye.fields }, frame)).to.deep.equal([]);
    expect((await ali.end()).code).to.equal(1001);
  });
});
