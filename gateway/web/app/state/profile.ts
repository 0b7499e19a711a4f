import { type ReadonlySignal, signal } from '@preact/signals';
import { type Client, ClientError, type OwnProfile, type ProfileChanges } from '../../../client/index.ts';
import type { Someone } from './people.ts';

/**
 * The user's own profile. What fails rejects with a ClientError. One thing after another: a tag that is still under way
 * must not make the next change look late.
 */
export interface ProfileModel {
  /** As it was last seen; undefined where nothing is known yet. */
  readonly mine: ReadonlySignal<OwnProfile | undefined>;
  load(): Promise<void>;
  /**
   * Changes what stands in `mine` when it is called, and nothing newer: where another device was faster it loads that
   * and rejects with `conflict` (`changed`).
   */
  save(changes: ProfileChanges): Promise<void>;
  wear(picture: Blob): Promise<void>;
  takeOff(): Promise<void>;
  /** Mails to the user are in this language from now on. */
  speak(language: string): Promise<void>;
  /** Has a code sent to this address, which is the user's when `verify` takes it. */
  claim(email: string, password: string, language: string): Promise<void>;
  verify(code: string): Promise<void>;
}

export interface ProfileParts {
  client: Client;
  /** What the login knows. */
  known: object;
  /** The profile is this now. */
  seen(profile: OwnProfile & Someone): void;
}

export function createProfile({ client, known, seen }: ProfileParts): ProfileModel {
  const mine = signal<OwnProfile | undefined>(isProfile(known) ? known : undefined);
  let tag: string | undefined;

  function see(profile: OwnProfile, its: string | undefined) {
    mine.value = profile;
    tag = its;
    seen(profile);
  }

  async function load() {
    const found = await client.profile();
    see(found.profile, found.tag);
  }

  /** After a change that answers with less. Its failure leaves an old tag: the next change finds that out. */
  function loadAfter(profile: OwnProfile | undefined) {
    if (profile !== undefined) see(profile, tag);
    return load().catch(() => {});
  }

  /** `over`: what the user saw. What was loaded since then may differ, and its tag would let that be overwritten. */
  async function save(changes: ProfileChanges, over = mine.value) {
    if (tag === undefined) await load();
    if (over !== undefined && Object.keys(changes).some((name) => !isSame(name, over, mine.value)))
      throw new ClientError({ code: 'conflict', reason: 'changed' });
    try {
      const changed = await client.updateProfile(changes, tag);
      see(changed.profile, changed.tag);
    } catch (error) {
      if (isChanged(error)) await load();
      throw error;
    }
  }

  async function speak(language: string) {
    // A client's own settings stand beside those that the server knows.
    const set = () => {
      const settings: Record<string, unknown> = { ...mine.value?.settings, language };
      return save({ settings });
    };
    await load();
    await set().catch((error) => {
      if (!isChanged(error)) throw error;
      return set(); // the others of the newest settings stay
    });
  }

  let last = Promise.resolve();
  function inTurn(work: () => Promise<void>): Promise<void> {
    const done = last.then(work);
    last = done.catch(() => {});
    return done;
  }

  return {
    mine,
    load: () => inTurn(load),
    save(changes) {
      const over = mine.value;
      return inTurn(() => save(changes, over));
    },
    speak: (language) => inTurn(() => speak(language)),
    wear: (picture) =>
      inTurn(async () => {
        const avatar = await client.setAvatar(picture);
        await loadAfter(mine.value && { ...mine.value, avatar });
      }),
    takeOff: () =>
      inTurn(async () => {
        await client.removeAvatar();
        await loadAfter(mine.value && { ...mine.value, avatar: null });
      }),
    claim: (email, password, language) =>
      inTurn(async () => {
        const fields = { email, ...(password !== '' && { current_password: password }) };
        await client.changeEmail(fields, language);
        await loadAfter(undefined);
      }),
    verify: (code) => inTurn(async () => loadAfter(await client.verifyEmail(code))),
  };
}

const isSame = (name: string, one: object, other: object = {}) => fieldOf(name, one) === fieldOf(name, other);
const fieldOf = (name: string, of: object) => JSON.stringify(new Map(Object.entries(of)).get(name));

const isChanged = (error: unknown) => error instanceof ClientError && error.reason === 'changed';

/** An older server's tokens came with less. */
function isProfile(user: object): user is OwnProfile {
  return 'email_verified' in user && 'avatar' in user;
}
