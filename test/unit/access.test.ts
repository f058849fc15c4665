import { describe, expect, test } from 'vitest';
import { isAllowed, PERMISSIONS, type Statement } from '../../src/core/access.ts';
import { ADMIN_STATEMENTS } from '../support/caller.ts';

const allow = (...actions: string[]): Statement => ({ effect: 'allow', actions });
const deny = (...actions: string[]): Statement => ({ effect: 'deny', actions });

describe('isAllowed', () => {
  test('nothing is allowed that no statement names', () => {
    expect(isAllowed([], 'get_batch')).toBe(false);
    expect(isAllowed([allow()], 'get_batch')).toBe(false);
    expect(isAllowed([allow('get_batches', 'create_batch')], 'get_batch')).toBe(false);
    expect(isAllowed([deny('create_batch')], 'get_batch')).toBe(false);
  });

  test('a name allows itself alone', () => {
    const statements = [allow('get_batch')];
    expect(isAllowed(statements, 'get_batch')).toBe(true);
    for (const other of ['get_batches', 'get_batc', 'GET_BATCH', '', 'get_batch ', 'x_get_batch']) {
      expect(isAllowed(statements, other), other).toBe(false);
    }
  });

  test('deny wins, wherever it stands', () => {
    for (const denied of [
      deny('create_batch'),
      deny('create_*'),
      deny('*'),
      deny('get_batch', 'create_batch'),
    ]) {
      expect(isAllowed([denied, allow('*')], 'create_batch')).toBe(false);
      expect(isAllowed([allow('create_batch'), denied], 'create_batch')).toBe(false);
      expect(isAllowed([allow('*'), denied, allow('create_batch')], 'create_batch')).toBe(false);
    }
    expect(isAllowed([allow('*'), deny('create_*')], 'get_batch')).toBe(true);
  });

  test('a prefix names everything that starts so', () => {
    const statements = [allow('create_*')];
    for (const action of ['create_batch', 'create_learner', 'create_'])
      expect(isAllowed(statements, action), action).toBe(true);
    for (const action of ['create', 'get_batch', 'recreate_batch', 'Create_batch'])
      expect(isAllowed(statements, action), action).toBe(false);
  });

  test('a star stands for anything only at the end', () => {
    expect(isAllowed([allow('*_batch')], 'create_batch')).toBe(false);
    expect(isAllowed([allow('c*_batch')], 'create_batch')).toBe(false);
    expect(isAllowed([allow('.*')], 'create_batch')).toBe(false);
  });

  test('the admin may do everything', () => {
    for (const action of [...PERMISSIONS, 'any_operation'])
      expect(isAllowed(ADMIN_STATEMENTS, action)).toBe(true);
  });
});
