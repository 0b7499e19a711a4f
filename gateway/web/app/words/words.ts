import { computed } from '@preact/signals';
import { ClientError } from '../../../client/index.ts';
import { language } from '../state/settings.ts';
import { en, type Words } from './en.ts';
import { uz } from './uz.ts';

export const dictionaries = { en, uz } as const satisfies Record<string, Words>;

/** The words of the chosen language. Who reads them while rendering follows the choice. */
export const words = computed<Words>(() => dictionaries[language.value]);

/** What went wrong, in words for people. */
export function errorWords(error: unknown): string {
  const { failed } = words.value;
  if (!(error instanceof ClientError)) return failed.other;
  switch (error.reason) {
    case 'bad_credentials':
      return failed.credentials;
    case 'banned':
      return failed.banned;
    case 'username_taken':
      return failed.taken;
    case 'username_reserved':
      return failed.reserved;
    case 'password_too_short':
      return failed.passwordShort;
    case 'password_too_long':
      return failed.passwordLong;
  }
  switch (error.code) {
    case 'rate_limited':
      return failed.tooMany(Math.max(1, Math.ceil((error.retry_after_ms ?? 1000) / 1000)));
    case 'unavailable':
    case 'timeout':
      return failed.network;
    case 'forbidden':
      return failed.forbidden;
    case 'not_found':
    case 'gone':
      return failed.gone;
    case 'invalid':
      return fieldWords(error.errors?.[0]?.path ?? '');
  }
  return failed.other;
}

function fieldWords(path: string): string {
  const { failed } = words.value;
  if (path === '/email') return failed.email;
  if (path === '/username') return failed.username;
  if (path === '/password') return failed.passwordShort;
  return failed.other;
}
