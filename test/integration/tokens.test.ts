import { createHmac, generateKeyPairSync, randomBytes } from 'node:crypto';
import { SignJWT } from 'jose';
import { v7 as uuidv7 } from 'uuid';
import { describe, expect, test } from 'vitest';
import { jwtTokens } from '../../src/adapters/jwt/tokens.ts';
import { postgresSigningKeys, retireSigningKeys } from '../../src/adapters/postgres/signing-keys.ts';
import type { SigningKeyStore } from '../../src/engine/ports/tokens.ts';
import { refreshSession } from '../../src/engine/refresh-session.ts';
import type { TestSheaf } from '../support/sheaf.ts';
import { addNamedAccount, addUser, countedPasswords, type SignInApi, useSignIn } from '../support/sign-in.ts';

/** Tokens that are not ours, or not any more: each is tried on the API, beside one that differs only in being right. */

let sheaf: TestSheaf;
let api: SignInApi;
const passwords = countedPasswords();

/** Of somebody who is signed in: what a right token says, and what it is signed with. */
let token: string;
let kid: string;
let secret: Buffer;
let header: { alg: string; typ: string; kid: string };
let claims: { iss: string; sub: string; acc: string; sid: string; iat: number; exp: number };

useSignIn(async (opened, open) => {
  sheaf = opened;
  api = await open({ passwords });
  const person = await addUser(sheaf, { passwords });
  token = (await api.tokensOf(person)).token;
  header = decoded(token, 0);
  claims = decoded(token, 1);
  kid = header.kid;
  const [row] = await sheaf.sql<{ secret: Buffer }[]>`select secret from signing_keys where id = ${kid}`;
  secret = row!.secret;
});

function decoded(jwt: string, part: number) {
  return JSON.parse(Buffer.from(jwt.split('.')[part]!, 'base64url').toString());
}

const encoded = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** Any header and any claims, signed with HMAC. */
function signed(head: unknown, body: unknown, key: Buffer | string = secret, hash = 'sha256'): string {
  const start = `${encoded(head)}.${encoded(body)}`;
  return `${start}.${createHmac(hash, key).update(start).digest('base64url')}`;
}

const codeOf = async (bearer: string) => {
  const response = await api.me(bearer);
  return response.statusCode === 200 ? 200 : response.json().code;
};

test('one that is made by hand as ours are is taken: what is refused below is so for what it says', async () => {
  expect(header).toEqual({ alg: 'HS256', typ: 'at+jwt', kid });
  expect(Object.keys(claims).sort()).toEqual(['acc', 'exp', 'iat', 'iss', 'sid', 'sub']);
  expect(await codeOf(token)).toBe(200);
  expect(await codeOf(signed(header, claims))).toBe(200);
});

describe('algorithms', () => {
  test.each(['none', 'None', 'NONE', 'nOnE', ''])('"%s"', async (alg) => {
    const unsigned = `${encoded({ ...header, alg })}.${encoded(claims)}.`;
    for (const attack of [
      unsigned,
      unsigned.slice(0, -1),
      `${unsigned}AA`,
      signed({ ...header, alg }, claims),
    ]) {
      expect(await codeOf(attack)).toBe('unauthenticated');
    }
  });

  test.each(['HS384', 'HS512', 'RS256', 'ES256', 'PS256', 'EdDSA', 'dir'])(
    'that of another name with our secret: %s',
    async (alg) => {
      for (const hash of ['sha256', 'sha384', 'sha512']) {
        expect(await codeOf(signed({ ...header, alg }, claims, secret, hash))).toBe('unauthenticated');
      }
    },
  );

  test('a key pair of the attacker, whose public key they bring along', async () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    for (const [alg, { privateKey, publicKey }] of [
      ['RS256', rsa],
      ['ES256', ec],
    ] as const) {
      const jwk = publicKey.export({ format: 'jwk' });
      const pem = publicKey.export({ format: 'pem', type: 'spki' }).toString();
      const their = await new SignJWT({ ...claims })
        .setProtectedHeader({ ...header, alg, jwk: jwk as never })
        .sign(privateKey);
      expect(await codeOf(their)).toBe('unauthenticated');
      // HS256 with a public key as the secret, and every place where a key may be named.
      for (const more of [
        {},
        { jwk },
        { jku: 'http://127.0.0.1:9/jwks' },
        { x5u: 'http://127.0.0.1:9/' },
        { x5c: [pem] },
      ]) {
        expect(await codeOf(signed({ ...header, ...more }, claims, pem))).toBe('unauthenticated');
      }
    }
  });
});

describe('keys', () => {
  test.each([
    ['../../../../dev/null', ''],
    ['/dev/null', ''],
    ["' union select 'x' --", 'x'],
    ["x' or '1'='1", ''],
    ['00000000-0000-0000-0000-000000000000', ''],
    ['', ''],
    ['\u0000', ''],
    [['a'], ''],
    [{ toString: 'x' }, ''],
    [7, ''],
    [null, ''],
    ['__proto__', ''],
  ])('kid %j', async (injected, key) => {
    expect(await codeOf(signed({ ...header, kid: injected }, claims, key || '\0'))).toBe('unauthenticated');
    expect(await codeOf(signed({ ...header, kid: injected }, claims))).toBe('unauthenticated');
  });

  test('without a kid, or of another secret', async () => {
    expect(await codeOf(signed({ alg: 'HS256', typ: 'at+jwt' }, claims))).toBe('unauthenticated');
    for (const key of ['', '\0', 'secret', kid, randomBytes(32)]) {
      expect(await codeOf(signed(header, claims, key))).toBe('unauthenticated');
    }
  });
});

describe('claims', () => {
  test('altered after they were signed', async () => {
    const [head, , signature] = token.split('.');
    const other = encoded({ ...claims, acc: uuidv7() });
    expect(await codeOf(`${head}.${other}.${signature}`)).toBe('unauthenticated');
    const reordered = encoded(Object.fromEntries(Object.entries(claims).reverse()));
    expect(await codeOf(`${head}.${reordered}.${signature}`)).toBe('unauthenticated');
  });

  test('every other character of the signature', async () => {
    const at = token.lastIndexOf('.') + 1;
    for (const index of [at, at + 7, token.length - 2]) {
      const flipped = token[index] === 'A' ? 'B' : 'A';
      expect(await codeOf(token.slice(0, index) + flipped + token.slice(index + 1))).toBe('unauthenticated');
    }
  });

  test.each<[string, object]>([
    ['expired', { exp: Math.floor(Date.now() / 1000) - 60 }],
    ['without an end', { exp: undefined }],
    ['with an end that is no number', { exp: '99999999999' }],
    ['not valid yet', { nbf: Math.floor(Date.now() / 1000) + 3600 }],
    ['of another issuer', { iss: 'https://sheaf.example.org' }],
    ['of several issuers', { iss: ['sheaf', 'x'] }],
    ['of no issuer', { iss: undefined }],
    ['without a user', { sub: undefined }],
    ['without an account', { acc: undefined }],
    ['without a session', { sid: undefined }],
    ['of a session that is none', { sid: "' or true --" }],
    ['of another user', { sub: uuidv7() }],
    ['of another account', { acc: uuidv7() }],
    ['of another session', { sid: uuidv7() }],
  ])('%s', async (_, change) => {
    expect(await codeOf(signed(header, { ...claims, ...change }))).toBe('unauthenticated');
  });

  test('of somebody else who is signed in too', async () => {
    const account = await addNamedAccount(sheaf);
    const other = await addUser(sheaf, { passwords, account });
    const { acc, sub, sid } = decoded((await api.tokensOf(other)).token, 1);
    expect(await codeOf(signed(header, { ...claims, acc, sub, sid }))).toBe(200);
    for (const mixed of [{ acc }, { sub }, { sid }, { acc, sub }, { acc, sid }, { sub, sid }]) {
      expect(await codeOf(signed(header, { ...claims, ...mixed }))).toBe('unauthenticated');
    }
  });
});

describe('form', () => {
  test.each<[string, object]>([
    ['another type', { typ: 'JWT' }],
    ['no type', { typ: undefined }],
    ['a critical header that we do not know', { crit: ['x'], x: 1 }],
    ['an empty list of critical headers', { crit: [] }],
    ['a payload that is not encoded', { crit: ['b64'], b64: false }],
  ])('%s', async (_, change) => {
    expect(await codeOf(signed({ ...header, ...change }, claims))).toBe('unauthenticated');
  });

  test('what is no token at all', async () => {
    const [head, body, signature] = token.split('.');
    for (const attack of [
      '..',
      'a.b.c',
      `${head}.${body}`,
      `${head}..${signature}`,
      `.${body}.${signature}`,
      `${token}.`,
      `${token}.${token}`,
      `${head}.${body}.${signature}=`,
      signed('null', claims),
      signed('[]', claims),
      signed(header, 'null'),
      signed(header, '[]'),
      signed(header, '"x"'),
      signed(header, '{'),
      signed(header, { ...claims, padding: 'x'.repeat(2000) }),
      `${'e'.repeat(100_000)}.e.e`,
    ]) {
      expect((await api.me(attack)).statusCode).toBe(401);
    }
  });
});

describe('signing keys', () => {
  const until = () => Date.now() / 1000 + 3600;
  const someone = { userId: uuidv7(), accountId: uuidv7(), sessionId: uuidv7() };
  const keyCount = async () => (await sheaf.sql`select from signing_keys`).length;
  /** As another process knows them: with nothing remembered. */
  const fresh = (store: SigningKeyStore = sheaf.services.signingKeys) =>
    jwtTokens({ keys: store, seconds: 900 });

  test('one is made, however many processes begin at once', async () => {
    await sheaf.sql`delete from signing_keys`;
    const tokens = await Promise.all(Array.from({ length: 12 }, () => fresh().issue(someone, until())));
    expect(new Set(tokens.map((issued) => decoded(issued.token, 0).kid)).size).toBe(1);
    expect(await keyCount()).toBe(1);
  });

  test('another one signs after 30 days; what the old one signed is taken as long as it is valid', async () => {
    const before = await fresh().issue(someone, until());
    await sheaf.sql`update signing_keys set signs_until = signs_until - interval '30 days', verifies_until = verifies_until - interval '30 days'`;
    const after = await fresh().issue(someone, until());
    expect(decoded(after.token, 0).kid).not.toBe(decoded(before.token, 0).kid);
    expect(await fresh().verify(before.token)).toEqual(someone);
    expect(await fresh().verify(after.token)).toEqual(someone);
    const [old] = await sheaf.sql`
      select verifies_until - now() > interval '1 day' as long from signing_keys where id = ${decoded(before.token, 0).kid}`;
    expect(old!.long).toBe(true);
    await sheaf.sql`
      update signing_keys set verifies_until = now() - interval '1 second' where id = ${decoded(before.token, 0).kid}`;
    expect(await fresh().verify(before.token)).toBeNull();
    await sheaf.services.signingKeys.forgetOld(100);
    expect(await keyCount()).toBe(1);
  });

  test('a key that another process made a moment ago is known at once', async () => {
    const mine = fresh();
    await mine.issue(someone, until());
    await retireSigningKeys(sheaf.sql as never);
    const theirs = await fresh().issue(someone, until());
    expect(await mine.verify(theirs.token)).toEqual(someone);
  });

  test('when they are retired no token of theirs is taken, and the next one is of a new key', async () => {
    const { token } = await fresh().issue(someone, until());
    expect(await retireSigningKeys(sheaf.sql as never)).toEqual([decoded(token, 0).kid]);
    expect(await retireSigningKeys(sheaf.sql as never)).toEqual([]);
    expect(await fresh().verify(token)).toBeNull();
    expect(await fresh().verify((await fresh().issue(someone, until())).token)).toEqual(someone);
  });

  test('a token is not valid for longer than its session', async () => {
    const soon = Date.now() / 1000 + 60;
    const { token, expiresAt } = await fresh().issue(someone, soon);
    expect(expiresAt).toBeLessThanOrEqual(soon);
    expect(decoded(token, 1).exp).toBe(expiresAt);
  });

  test('a database that does not answer is no wrong token', async () => {
    const { token } = await fresh().issue(someone, until());
    const gone = async () => {
      throw new Error('away');
    };
    await expect(fresh({ load: gone, make: gone, forgetOld: gone }).verify(token)).rejects.toThrow('away');
  });

  test('a refresh token is not used up while no key can be fetched to sign the next token with', async () => {
    const { refresh_token } = await api.tokensOf(await addUser(sheaf, { passwords }));
    const gone = async () => {
      throw new Error('away');
    };
    const { sessions } = sheaf.services;
    const from = { ip: '192.0.2.1', requestId: 'away' };
    const without = { sessions, tokens: fresh({ load: gone, make: gone, forgetOld: gone }) };
    await expect(refreshSession(without, refresh_token, from)).rejects.toThrow('away');
    expect((await api.post('/auth/refresh', { refresh_token })).statusCode).toBe(200);
  });

  test('are 256 bits, and each its own', async () => {
    await sheaf.sql`delete from signing_keys`;
    const store = postgresSigningKeys(sheaf.sql as never);
    await store.make();
    await store.make();
    const [first] = await store.load();
    expect(await keyCount()).toBe(1);
    expect(first!.secret).toHaveLength(32);
    await retireSigningKeys(sheaf.sql as never);
    expect(await store.load()).toEqual([]);
    await store.make();
    expect((await store.load())[0]!.secret.equals(first!.secret)).toBe(false);
  });
});
