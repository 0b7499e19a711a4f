import type { File } from '../../../schemas/rest/media.ts';
import type { RouteExamples } from './example.ts';
import * as no from './refusals.ts';
import * as scene from './scene.ts';

/** Files and avatars. */

const { fileId, fileText: note } = scene;
const sig = '1774083600.q0m7Yt3kS1v9cJ2xWb8nZr4hLe6pDgAuq0m7Yt3kS1w';
const url = `/media/${fileId}?sig=${sig}`;
const thumb_url = `/media/${fileId}/thumb?sig=${sig}`;

const list: File = {
  file_id: fileId,
  kind: 'file',
  name: 'royxat.txt',
  mime_type: 'application/octet-stream',
  size: note.length,
  width: null,
  height: null,
  duration_s: null,
  waveform: null,
  url,
  thumb_url: null,
  state: 'ready',
};

const { pixel } = scene;
const nobody = { file_id: scene.nobodyId };
const badSignature = no.because(
  'forbidden',
  'signature_invalid',
  'This was not signed by us so, or has expired',
);
const presigned = { file_id: fileId, expires_in: 900, file_url: url };

export const mediaExamples: Readonly<Record<string, RouteExamples>> = {
  'POST /upload': {
    text: {
      summary: 'A text: a file that is saved and never shown',
      file: { name: 'royxat.txt', text: note },
      status: 201,
      reply: list,
    },
    picture: {
      summary: 'A picture, written anew',
      file: { name: 'nuqta.png', base64: pixel },
      status: 201,
      reply: {
        ...list,
        kind: 'image',
        name: 'nuqta.png',
        mime_type: 'image/png',
        size: 90,
        width: 1,
        height: 1,
        thumb_url,
      },
    },
  },
  'POST /me/avatar': {
    put_on: {
      summary: 'A new avatar',
      file: { name: 'men.png', base64: pixel },
      status: 201,
      reply: { avatar: { url, thumb_url } },
    },
    no_image: {
      summary: 'What is no image, whatever it is called',
      file: { name: 'men.png', text: note },
      status: 422,
      refusal: no.because('unprocessable', 'not_an_image', 'An avatar is a JPEG, PNG, WebP or GIF'),
    },
  },
  'DELETE /me/avatar': { off: { summary: 'None any more', status: 204 } },
  'POST /uploads/presign': {
    put: {
      summary: 'A video, to be sent with PUT',
      body: { content_type: 'video/mp4', size: 4_000_000, kind: 'video' },
      status: 201,
      reply: {
        ...presigned,
        method: 'PUT',
        url: `/uploads/${fileId}?type=video%2Fmp4&size=4000000&expires=1774081800&sig=q0m7Yt3kS1v9cJ2xWb8nZr4hLe6p`,
        headers: { 'Content-Type': 'video/mp4', 'Content-Length': '4000000' },
      },
    },
    no_voice: {
      summary: 'A voice message is no picture',
      body: { content_type: 'image/png', size: 1000, kind: 'voice' },
      status: 422,
      refusal: no.because('unprocessable', 'type_not_for_kind', 'This is no type for kind voice'),
    },
  },
  'POST /uploads/{file_id}/complete': {
    done: {
      summary: 'It has come, as promised',
      params: { file_id: scene.sentId },
      status: 200,
      reply: { ...list, file_id: scene.sentId, name: null },
    },
    no_file: { summary: 'Nobody waits for this one', params: nobody, status: 404, refusal: no.noFile },
  },
  'PUT /uploads/{file_id}': {
    sent: {
      summary: 'To the URL of the answer, with its headers',
      params: { file_id: scene.promisedId },
      query: scene.promised,
      plain: { type: scene.noteType, text: note },
      status: 204,
    },
    not_signed: { summary: 'Without a signature', params: nobody, status: 403, refusal: badSignature },
  },
  'POST /uploads/{file_id}': {
    sent: {
      summary: 'The fields of the answer, and then the file',
      params: { file_id: scene.formId },
      file: { name: 'royxat.txt', text: note, fields: scene.promisedForm },
      status: 204,
    },
  },
  'GET /media/{file_id}': {
    bytes: { summary: 'By its owner', params: { file_id: fileId }, status: 200, reply: note },
    no_file: { summary: 'There is none', params: nobody, status: 404, refusal: no.noFile },
  },
  'GET /media/{file_id}/thumb': {
    picture: { summary: 'Of a picture', params: { file_id: scene.pictureId }, status: 200 },
    no_file: { summary: 'There is none', params: nobody, status: 404, refusal: no.noFile },
  },
  'DELETE /media/{file_id}': {
    gone: { summary: 'For everybody, at once', params: { file_id: fileId }, status: 204 },
    no_file: { summary: 'There is none', params: nobody, status: 404, refusal: no.noFile },
  },
};
