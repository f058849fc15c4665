import { describe, expect, test } from 'vitest';
import { attemptKeys, tryPassword } from '../../src/engine/password-attempt.ts';
import { silentLog } from '../support/silent-log.ts';

const keysOf = (account: string, user: string, ip: string | null) =>
  attemptKeys({ account, user }, ip).map(({ key }) => key);

describe('what attempts are counted by', () => {
  test('a name at an address, the name, the address', () => {
    const [both, name, address] = keysOf('default', 'ada', '192.0.2.1');
    expect(both).toBe(`${name}:192.0.2.1`);
    expect(address).toBe('address:192.0.2.1');
    expect(keysOf('default', 'ada', '192.0.2.2')[1]).toBe(name);
    expect(keysOf('default', 'bob', '192.0.2.1')[1]).not.toBe(name);
    expect(keysOf('other', 'ada', '192.0.2.1')[1]).not.toBe(name);
    expect(keysOf('default:ada', '', null)[1]).not.toBe(keysOf('default', ':ada', null)[1]);
  });

  test.each([
    ['ada', 'ADA'],
    ['ada', 'ａｄａ'],
    ['kelvin', '\u212aelvin'],
    ['straße', 'STRASSE'],
    ['\u0130x', 'i\u0307x'],
    ['\u0130x', 'ix'],
  ])('names that may be the same are: %s, %s', (one, other) => {
    expect(keysOf('default', one, null)).toEqual(keysOf('default', other, null));
  });

  test.each([
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff', true],
    ['2001:db8:1:2::1', '2001:db8:1:3::1', false],
    ['2001:DB8:1:2::1', '2001:0db8:0001:0002::ff', true],
    ['::ffff:192.0.2.1', '192.0.2.1', true],
    ['192.0.2.1', '192.0.2.2', false],
    ['fe80::1%eth0', 'fe80::2%eth1', true],
    ['nonsense', 'other nonsense', true],
  ])('addresses: %s, %s', (one, other, same) => {
    const [first, second] = [keysOf('default', 'ada', one)[2], keysOf('default', 'ada', other)[2]];
    expect(first === second).toBe(same);
  });

  test('no key is longer for a longer name', () => {
    for (const key of keysOf('a'.repeat(256), '\u{1F600}'.repeat(256), '2001:db8::1')) {
      expect(key.length).toBeLessThan(128);
    }
  });
});

describe('a password', () => {
  const claimed = { account: 'default', user: 'ada' };
  const from = { ip: '192.0.2.1', requestId: null };
  const ada = {
    accountId: 'account',
    user: 'ada',
    principal: { kind: 'user', id: 'id-of-ada' },
    passwordHash: 'hash',
  } as const;

  function engine(attempt = { waitSeconds: 0, lockSeconds: 0 }, right = true) {
    const did: string[] = [];
    return {
      did,
      throttle: {
        attempt: async () => {
          did.push('count');
          return attempt;
        },
        succeeded: async () => void did.push('forget'),
        takenBack: async () => void did.push('take back'),
      },
      passwords: {
        verify: async (_: string, hash: string | null) => {
          did.push(`look at ${hash}`);
          return right;
        },
      },
      audit: {
        note: async (_: unknown, { action }: { action: string }) => void did.push(`note ${action}`),
      },
      log: {
        ...silentLog,
        warn: (fields: { err?: unknown }) => void did.push(`warn of ${fields.err}`),
      },
    };
  }

  test('is looked at once it is counted, and forgotten only if it is right', async () => {
    const right = engine();
    expect(await tryPassword(right, claimed, 'x', async () => ada, from)).toBe(ada);
    expect(right.did).toEqual(['count', 'look at hash', 'forget']);
    const wrong = engine({ waitSeconds: 0, lockSeconds: 30 }, false);
    expect(await tryPassword(wrong, claimed, 'x', async () => ada, from)).toBeNull();
    expect(wrong.did).toEqual(['count', 'look at hash', 'note sign_in_failed', 'note sign_in_locked']);
  });

  test('of nobody is never right, whatever is said of it', async () => {
    const nobody = engine();
    expect(await tryPassword(nobody, claimed, 'x', async () => null, from)).toBeNull();
    expect(nobody.did).toEqual(['count', 'look at null', 'note sign_in_failed']);
  });

  test('that nobody could look at does not count', async () => {
    const busy = engine();
    busy.passwords.verify = () => Promise.reject(new Error('too many at once'));
    await expect(tryPassword(busy, claimed, 'x', async () => ada, from)).rejects.toThrow('too many at once');
    expect(busy.did).toEqual(['count', 'take back']);
    const away = engine();
    const find = () => Promise.reject(new Error('no database'));
    away.throttle.takenBack = () => Promise.reject(new Error('still none'));
    await expect(tryPassword(away, claimed, 'x', find, from)).rejects.toThrow('no database');
    expect(away.did).toEqual(['count', 'warn of Error: still none']);
  });

  test('is not looked at while it is locked, and not noted', async () => {
    const locked = engine({ waitSeconds: 12.3, lockSeconds: 0 });
    const find = async () => {
      throw new Error('nobody asks who it is');
    };
    await expect(tryPassword(locked, claimed, 'x', find, from)).rejects.toMatchObject({
      code: 'sign_in_locked',
      retryAfterSeconds: 13,
    });
    expect(locked.did).toEqual(['count']);
  });
});
