import { defineService } from '../../ops/broker/broker.ts';
import { fileActions } from './files.ts';
import type { MediaParts } from './parts.ts';
import { uploadActions } from './uploads.ts';

/** The service `media`: uploads and files. Their bytes lie in the object store and never travel in a call. */
export function createMediaService(parts: MediaParts) {
  return defineService('media', { ...uploadActions(parts), ...fileActions(parts) });
}
