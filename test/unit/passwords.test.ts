import { describe, expect, test } from 'vitest';
import { type Derive, scryptPasswords } from '../../src/adapters/password/scrypt-passwords.ts';

const CHEAP = { ln: 4, r: 8, p: 1 };
const PASSWORD = 'correct horse battery';

describe('a hash', () => {
  test('is of scrypt at the cost that OWASP asks for, with a salt of its own, and names its parameters', async () => {
    const passwords = scryptPasswords();
    const [first, second] = await Promise.all([passwords.hash(PASSWORD), passwords.hash(PASSWORD)]);
    expect(first).toMatch(/^\$scrypt\$ln=16,r=8,p=2\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(second).not.toBe(first);
    expect(await passwords.verify(PASSWORD, first!)).toBe(true);
    expect(await passwords.verify(`${PASSWORD} `, first!)).toBe(false);
    expect(passwords.isOutdated(first!)).toBe(false);
  });

  test('of RFC 7914 is what scrypt makes', async () => {
    // Its third vector: "pleaseletmein", "SodiumChloride", N = 16384, r = 8, p = 1; the salt is no shorter than ours may be.
    const salt = Buffer.from('SodiumChloride').toString('base64').replaceAll('=', '');
    const hash = Buffer.from(
      '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887',
      'hex',
    ).toString('base64');
    const kept = `$scrypt$ln=14,r=8,p=1$${salt}$${hash.replaceAll('=', '')}`;
    expect(await scryptPasswords().verify('pleaseletmein', kept)).toBe(true);
    expect(await scryptPasswords().verify('pleaseletmeout', kept)).toBe(false);
  });

  test('of other parameters is still right, and outdated', async () => {
    const old = await scryptPasswords({ cost: CHEAP }).hash(PASSWORD);
    const passwords = scryptPasswords({ cost: { ...CHEAP, ln: 5 } });
    expect(await passwords.verify(PASSWORD, old)).toBe(true);
    expect(passwords.isOutdated(old)).toBe(true);
  });
});

describe('a password', () => {
  const passwords = scryptPasswords({ cost: CHEAP });

  test.each([
    ['naïve café', 'nai\u0308ve cafe\u0301'],
    ['two words', 'two\u3000words'],
    ['two words', 'two\u2009words'],
  ])('is the same however it is typed: %s', async (one, other) => {
    expect(await passwords.verify(other, await passwords.hash(one))).toBe(true);
  });

  test.each([
    ['Password', 'password'],
    ['ﬁsh', 'fish'],
    ['ａｂｃ', 'abc'],
    ['a\tb', 'a b'],
    ['ß', 'ss'],
  ])('but not when it is another: %s, %s', async (one, other) => {
    expect(await passwords.verify(other, await passwords.hash(one))).toBe(false);
  });
});

describe('what is checked', () => {
  /** Each cost that is paid. */
  function watched() {
    const paid: string[] = [];
    const derive: Derive = async (_password, _salt, bytes, { ln, r, p }) => {
      paid.push(`${ln},${r},${p}`);
      return Buffer.alloc(bytes);
    };
    return { paid, passwords: scryptPasswords({ derive }) };
  }

  test.each([
    null,
    '',
    'x',
    '$2b$12$abcdefghijklmnopqrstuv',
    '$scrypt$ln=40,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    '$scrypt$ln=16,r=99,p=99$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    '$scrypt$ln=0,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    '$scrypt$ln=16,r=8,p=2$AAAAAAAAAAAAAAAAAAAAAA$AA',
  ])('costs as much when nothing can match: %s', async (hash) => {
    const { paid, passwords } = watched();
    expect(await passwords.verify(PASSWORD, hash)).toBe(false);
    expect(paid).toEqual(['16,8,2']);
  });

  test('is at most two passwords at once, and so many wait', async () => {
    let running = 0;
    let most = 0;
    const ends: (() => void)[] = [];
    const derive: Derive = async (_password, _salt, bytes) => {
      running += 1;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => ends.push(resolve));
      running -= 1;
      return Buffer.alloc(bytes);
    };
    const passwords = scryptPasswords({ derive });
    const asked = Array.from({ length: 50 }, () =>
      passwords.hash(PASSWORD).then(
        () => 'done',
        (error) => error.code,
      ),
    );
    let answered = 0;
    for (const one of asked) one.then(() => answered++);
    while (answered < 50) {
      ends.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
    const codes = await Promise.all(asked);
    expect(most).toBe(2);
    expect(codes.filter((code) => code === 'done')).toHaveLength(34);
    expect(codes.filter((code) => code === 'unavailable')).toHaveLength(16);
  });

  test('takes its turn: nobody keeps others from theirs, however many they ask for', async () => {
    const looked: string[] = [];
    const ends: (() => void)[] = [];
    const derive: Derive = async (password, _salt, bytes) => {
      looked.push(password.toString());
      await new Promise<void>((resolve) => ends.push(resolve));
      return Buffer.alloc(bytes);
    };
    const passwords = scryptPasswords({ derive });
    const asked = ['flood', 'flood again'].flatMap((whose) =>
      Array.from({ length: 50 }, () => passwords.hash(whose, whose)),
    );
    const flood = Promise.allSettled(asked);
    const others = Promise.all(['ada', 'bob'].map((whose) => passwords.verify(whose, null, whose)));
    let answered = false;
    others.then(() => {
      answered = true;
    });
    while (!answered) {
      ends.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(looked.indexOf('bob')).toBeLessThan(8);
    while (ends.length > 0) {
      ends.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
    const done = (await flood).map(({ status }) => status === 'fulfilled');
    expect(done.filter(Boolean)).toHaveLength(32);
    // The second has come when the first filled all the room, and has half of it.
    expect(done.slice(50).filter(Boolean).length).toBeGreaterThan(12);
  });

  test('gives its place away when it fails', async () => {
    let fails = 3;
    const derive: Derive = async (_password, _salt, bytes) => {
      fails -= 1;
      if (fails >= 0) throw new Error('no memory');
      return Buffer.alloc(bytes);
    };
    const passwords = scryptPasswords({ derive });
    for (let n = 0; n < 3; n += 1) await expect(passwords.hash(PASSWORD)).rejects.toThrow('no memory');
    await passwords.hash(PASSWORD);
  });
});
