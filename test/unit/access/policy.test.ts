import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Role, roles } from '../../../schemas/roles.ts';
import { type Policy, readPolicy } from '../../../services/access/policy.ts';

const strange = ['root', '', '*', 'constructor', '-'] as string[] as Role[];

describe('the policy of roles', () => {
  let policy: Policy;
  before(async () => {
    policy = await readPolicy();
  });

  /** Everything that anybody may do, written once more, as the contract has it. */
  const rights: Record<string, Role[]> = {
    'users list': ['moderator', 'admin'],
    'users ban': ['moderator', 'admin'],
    'users unban': ['moderator', 'admin'],
    'users set_role': ['admin'],
    'own_role set': ['admin'],
    'audit list': ['admin'],
  };

  it('gives every right to the roles of the contract, and to no other', () => {
    for (const [right, allowed] of Object.entries(rights)) {
      const [object = '', act = ''] = right.split(' ');
      for (const role of roles)
        expect(policy.allows(role, object, act), `${role} ${right}`).to.equal(allowed.includes(role));
    }
  });

  it('lets nobody act on an equal or higher role, whatever the act', () => {
    for (const act of ['ban', 'unban', 'set_role'])
      for (const [at, role] of roles.entries())
        for (const [over, target] of roles.entries()) {
          const may = policy.allows(role, 'users', act, target);
          expect(may, `${role} ${act} ${target}`).to.equal(
            over < at && (rights[`users ${act}`] ?? []).includes(role),
          );
        }
  });

  it('refuses what it does not name: objects, acts and roles', () => {
    for (const role of [...roles, ...strange])
      for (const [object, act] of [
        ['users', 'delete'],
        ['chats', 'list'],
        ['users', ''],
        ['', 'list'],
        ['*', '*'],
        ['__proto__', 'list'],
      ] as const)
        expect(policy.allows(role, object, act), `${role} ${object} ${act}`).to.equal(false);
    for (const role of strange) expect(policy.allows(role, 'users', 'list'), role).to.equal(false);
  });

  it('is the file: a right that is not in it is nobody’s, and without the file there is no start', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'suhbat-policy-'));
    try {
      const failed = await readPolicy(folder).then(
        () => false,
        () => true,
      );
      expect(failed).to.equal(true);
      const model = new URL('../../../services/access/model.conf', import.meta.url);
      copyFileSync(model, join(folder, 'model.conf'));
      writeFileSync(join(folder, 'policy.csv'), 'p, moderator, audit, list, -\n\ng, admin, moderator\n');
      const own = await readPolicy(folder);
      expect(roles.filter((role) => own.allows(role, 'audit', 'list'))).to.deep.equal(['moderator', 'admin']);
      expect(roles.filter((role) => own.allows(role, 'users', 'ban', 'user'))).to.deep.equal([]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
