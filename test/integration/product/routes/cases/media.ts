import { expect } from 'chai';
import type { File, Presigned } from '../../../../../schemas/rest/media.ts';
import { aForm, png, promised, promisedForm, sentBy, uploaded } from '../../media/support.ts';
import { say } from '../../support/secrets.ts';
import { at, type Cases, open, own } from './case.ts';

export const media: Cases = {
  'POST /upload': {
    ...own,
    status: 201,
    good: () => aForm('/upload', 'hush.txt', new TextEncoder().encode(say('file'))),
    answers: (body: File) => expect(body).to.include({ kind: 'file', name: 'hush.txt', state: 'ready' }),
  },
  'POST /me/avatar': {
    ...own,
    status: 201,
    good: async () => aForm('/me/avatar', 'hush.png', await png()),
    answers: ({ avatar }: { avatar: { url: string } }) => expect(avatar.url).to.match(/^\/media\//),
  },
  'DELETE /me/avatar': { ...own, status: 204, good: at('/me/avatar') },
  'POST /uploads/presign': {
    ...own,
    status: 201,
    good: at('/uploads/presign', () => ({
      content_type: 'video/mp4',
      size: 1000,
      kind: 'video',
      method: 'PUT',
    })),
    answers: (body: Presigned) => expect(body).to.include({ method: 'PUT', expires_in: 900 }),
  },
  'POST /uploads/{file_id}/complete': {
    ...own,
    good: async ({ owner }) => ({ path: `/uploads/${await sentBy(owner)}/complete` }),
    answers: (body: File) => expect(body).to.include({ kind: 'file', size: 4, state: 'ready' }),
  },
  'PUT /uploads/{file_id}': {
    ...open,
    status: 204,
    good: async ({ owner }) => {
      const { url, headers } = await promised(owner);
      return { path: url, raw: new Uint8Array(4), headers };
    },
  },
  'POST /uploads/{file_id}': {
    ...open,
    status: 204,
    good: async ({ owner }) => {
      const { url, fields } = await promisedForm(owner);
      return aForm(url, 'x', new Uint8Array(4), fields);
    },
  },
  'GET /media/{file_id}': {
    ...own,
    good: async ({ owner }) => ({
      path: `/media/${(await uploaded(owner, { bytes: say('file') })).file_id}`,
    }),
    answers: (body: string) => expect(body).to.be.a('string'),
  },
  'GET /media/{file_id}/thumb': {
    ...own,
    good: async ({ owner }) => ({
      path: `/media/${(await uploaded(owner, { bytes: await png() })).file_id}/thumb`,
    }),
  },
  'DELETE /media/{file_id}': {
    ...own,
    status: 204,
    good: async ({ owner }) => ({
      path: `/media/${(await uploaded(owner, { bytes: say('file') })).file_id}`,
    }),
  },
};
