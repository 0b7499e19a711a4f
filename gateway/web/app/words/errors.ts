import { ClientError } from '../../../client/index.ts';
import type { Words } from './en.ts';
import { waitWords } from './times.ts';
import { words } from './words.ts';

type Failed = Words['failed'];

/** Refusals that are about one field of a form, which goes by this name in all of ours. */
const reasonFields: Record<string, readonly [field: string, words: keyof Failed]> = {
  username_taken: ['username', 'taken'],
  username_reserved: ['username', 'reserved'],
  too_many_usernames: ['username', 'tooManyUsernames'],
  email_taken: ['email', 'emailTaken'],
  password_too_short: ['password', 'passwordShort'],
  password_too_long: ['password', 'passwordLong'],
  password_wrong: ['current_password', 'passwordWrong'],
  password_required: ['current_password', 'passwordRequired'],
  code_wrong: ['code', 'codeWrong'],
  code_expired: ['code', 'codeExpired'],
};

/** The others that have words of their own. */
const reasonWords: Record<string, keyof Failed> = {
  bad_credentials: 'credentials',
  banned: 'banned',
  too_many_codes: 'tooManyCodes',
  login_too_old: 'loginTooOld',
  changed: 'changed',
  not_an_image: 'noPicture',
  image_broken: 'pictureBroken',
  empty_file: 'pictureBroken',
  too_many_pixels: 'pictureTooLarge',
  quota_exceeded: 'quota',
};

/** Fields that break the schema, by their path in the body. */
const pathFields: Record<string, readonly [field: string, words: keyof Failed]> = {
  '/email': ['email', 'email'],
  '/username': ['username', 'username'],
  '/password': ['password', 'passwordShort'],
  '/new_password': ['password', 'passwordShort'],
  '/code': ['code', 'codeForm'],
  '/name': ['name', 'nothingVisible'],
  '/display_name': ['display_name', 'nothingVisible'],
  '/first_name': ['first_name', 'nothingVisible'],
  '/last_name': ['last_name', 'nothingVisible'],
  '/bio': ['bio', 'textTooLong'],
};

/** What went wrong, in words for people. */
export function errorWords(error: unknown): string {
  if (!(error instanceof ClientError)) return words.value.failed.other;
  const [, key = reasonWords[error.reason ?? '']] = reasonFields[error.reason ?? ''] ?? [];
  return said(key ?? codeWords(error), error);
}

/** The same by the names of the fields that it is about; empty where it is about none. */
export function fieldErrors(error: unknown): Record<string, string> {
  if (!(error instanceof ClientError)) return {};
  const broken = error.errors?.map(({ path }) => pathFields[path]) ?? [];
  const found = [reasonFields[error.reason ?? ''], ...broken].filter((one) => one !== undefined);
  return Object.fromEntries(found.map(([field, key]) => [field, said(key, error)]));
}

function codeWords({ code, errors }: ClientError): keyof Failed {
  switch (code) {
    case 'rate_limited':
      return 'tooMany';
    case 'unavailable':
    case 'timeout':
      return 'network';
    case 'forbidden':
      return 'forbidden';
    case 'not_found':
    case 'gone':
      return 'gone';
    case 'too_large':
      return 'pictureTooLarge'; // nothing else that the page sends can be
    case 'invalid':
      return pathFields[errors?.[0]?.path ?? '']?.[1] ?? 'other';
  }
  return 'other';
}

function said(key: keyof Failed, { retry_after_ms = 1000 }: ClientError): string {
  const text = words.value.failed[key];
  return typeof text === 'string' ? text : text(waitWords(retry_after_ms));
}
