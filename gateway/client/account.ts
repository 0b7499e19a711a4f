import type { Avatar } from '../../schemas/common.ts';
import type { ChangeEmailBody, CodeSent } from '../../schemas/rest/codes.ts';
import type { OwnProfile, ProfileChanges } from '../../schemas/user/profile.ts';
import type { AskAsUser } from './ask-as-user.ts';
import type { RestAnswer } from './rest.ts';

/** The own profile, and the tag that names this version of it. */
export interface TaggedProfile {
  profile: OwnProfile;
  tag: string | undefined;
}

/** The user's own account, over REST. Each rejects with a ClientError. */
export interface Account {
  profile(): Promise<TaggedProfile>;
  /**
   * Absent fields stay, null clears. With a tag only that version is changed. Refusals: `conflict`
   * (`username_taken`; `changed` where the tag names an older version), `unprocessable` (`username_reserved` …),
   * `rate_limited` (`too_many_usernames`).
   */
  updateProfile(changes: ProfileChanges, tag?: string): Promise<TaggedProfile>;
  /**
   * JPEG, PNG, WebP or GIF, at most 10 MiB. Refusals: `too_large`, `unprocessable` (`not_an_image`, `image_broken`,
   * `too_many_pixels`, `quota_exceeded` …).
   */
  setAvatar(picture: Blob): Promise<Avatar>;
  removeAvatar(): Promise<void>;
  /**
   * Claims an address and mails a code to it, in this language (`en`, `uz`). Refusals: `forbidden`
   * (`password_required`, `password_wrong`; `login_too_old` where the account has no password), `rate_limited`.
   */
  changeEmail(fields: ChangeEmailBody, language?: string): Promise<CodeSent>;
  /** Shows that the claimed address is the user's. Refusals as of `endRegister`. */
  verifyEmail(code: string): Promise<OwnProfile>;
}

/** Ten mebibytes over a slow link. */
const uploadTimeoutMs = 120_000;

export function createAccount(ask: AskAsUser): Account {
  const tagged = ({ body: profile, tag }: RestAnswer<OwnProfile>) => ({ profile, tag });
  return {
    profile: async () => tagged(await ask({ method: 'GET', path: '/me' })),
    async updateProfile(body, tag) {
      const headers = tag === undefined ? {} : { 'if-match': tag };
      return tagged(await ask({ method: 'PATCH', path: '/me', body, headers }));
    },
    async setAvatar(picture) {
      const form = new FormData();
      form.append('file', picture);
      const call = { method: 'POST', path: '/me/avatar', body: form, timeoutMs: uploadTimeoutMs };
      return (await ask<{ avatar: Avatar }>(call)).body.avatar;
    },
    removeAvatar: async () => void (await ask({ method: 'DELETE', path: '/me/avatar' })),
    async changeEmail(body, language) {
      const headers = language === undefined ? {} : { 'accept-language': language };
      return (await ask<CodeSent>({ method: 'POST', path: '/api/v1/auth/email', body, headers })).body;
    },
    async verifyEmail(code) {
      const call = { method: 'POST', path: '/api/v1/auth/email/verify', body: { code } };
      return (await ask<OwnProfile>(call)).body;
    },
  };
}
