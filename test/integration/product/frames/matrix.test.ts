import { expect } from 'chai';
import { type RequestType, requestFrames } from '../../../../schemas/frames/client.ts';
import { newId } from '../../../../schemas/ids.ts';
import { product, useProduct } from '../support/program.ts';
import { openSocket } from '../support/socket.ts';
import { wrongFields } from '../support/wrong.ts';
import { type FrameCase, frameCases, makeScene, type Scene } from './cases.ts';

const types = Object.keys(requestFrames) as RequestType[];

describe('every frame type', () => {
  useProduct();

  it('has a row of cases, and every row a frame type', () => {
    expect(Object.keys(frameCases)).to.have.members(types);
  });

  for (const type of types) {
    const { good, by = 'owner', about, open } = (frameCases as Record<string, FrameCase>)[type] as FrameCase;

    describe(type, () => {
      let scene: Scene;
      let fields: Record<string, unknown>;
      before(async () => {
        scene = await makeScene();
        fields = { ...(await good(scene)) };
      });

      it('is refused in every wrong form, naming the field', async () => {
        const { socket } = scene[by];
        for (const wrong of wrongFields(requestFrames[type], fields, ['id', 'type'])) {
          const { code, errors = [] } = await socket.refusal(type, wrong.fields);
          expect({ what: wrong.what, code }).to.deep.equal({ what: wrong.what, code: 'invalid' });
          const pointed = errors.some(({ path }) => path === wrong.path || path.startsWith(`${wrong.path}/`));
          expect(pointed, `${wrong.what}: ${JSON.stringify(errors)}`).to.equal(true);
        }
      });

      if (!open)
        it('is refused before the socket is authenticated', async () => {
          const socket = await openSocket(product().url);
          expect(await socket.refusal(type, fields)).to.include({
            code: 'unauthenticated',
            reason: 'no_token',
          });
          socket.close();
        });

      if (about === 'a chat') {
        it('is not found for a stranger, a removed member, one who left, a moderator or admin of the house, and of no chat', async () => {
          const unknown = newId();
          const { stranger, removed, left, staff } = scene;
          for (const [who, { socket }] of Object.entries({ stranger, removed, left, ...staff })) {
            const refusal = await socket.refusal(type, fields);
            expect({ who, ...refusal }).to.include({ who, code: 'not_found', reason: 'no_chat' });
          }
          const nowhere = await scene.owner.socket.refusal(type, { ...fields, chat_id: unknown });
          expect(nowhere).to.include({ code: 'not_found', reason: 'no_chat' });
        });

        it('changed nothing when it was refused', async () => {
          const { socket } = scene.owner;
          const { head } = await socket.request('history', { chat_id: scene.group });
          // Created, four joined, one appointed, one wrote, one was removed, one left.
          expect(head).to.equal(9);
        });
      }

      it('is answered to the letter, its ids in upper case too', async () => {
        const { socket } = scene[by];
        const upper = Object.entries(fields).map(([name, value]) => [name, upperIds(name, value)]);
        await socket.request(type as never, Object.fromEntries(upper) as never);
        // The program has the schema of the reply: `socket` holds the reply to it, to the field.
      });

      it('and nothing of it reaches a stranger, or who is no member any more', async () => {
        const { stranger, removed, left, group } = scene;
        for (const { socket } of [stranger, removed, left]) await socket.quiet();
        expect(stranger.socket.heard()).to.deep.equal([]);
        for (const { socket } of [removed, left]) {
          const [gone] = socket.events('chat.gone', { chat_id: group });
          expect(gone).to.not.equal(undefined);
          const after = socket.frames.slice(socket.frames.indexOf(gone as never) + 1);
          expect(after.filter(({ re }) => re === undefined)).to.deep.equal([]);
        }
      });
    });
  }
});

function upperIds(name: string, value: unknown): unknown {
  if (name.endsWith('_id') && typeof value === 'string') return value.toUpperCase();
  if (name.endsWith('_ids')) return (value as string[]).map((id) => id.toUpperCase());
  return value;
}
