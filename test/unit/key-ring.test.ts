import { randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { KeyRing } from '../../src/adapters/jwt/key-ring.ts';
import type { SigningKey, SigningKeyStore } from '../../src/engine/ports/tokens.ts';

function storeOf(keys: SigningKey[]) {
  const store = {
    loads: 0,
    makes: 0,
    load: async () => {
      store.loads += 1;
      return [...keys];
    },
    make: async () => {
      store.makes += 1;
      keys.unshift(newKey());
    },
    forgetOld: async () => 0,
  } satisfies SigningKeyStore & { loads: number; makes: number };
  return store;
}

const newKey = (signs = true): SigningKey => ({ id: randomUUID(), secret: randomBytes(32), signs });

describe('the keys that a process knows', () => {
  test('are loaded once for many', async () => {
    const key = newKey();
    const store = storeOf([key]);
    const ring = new KeyRing(store);
    const found = await Promise.all(Array.from({ length: 100 }, () => ring.find(key.id)));
    expect(found.every((one) => one?.id === key.id)).toBe(true);
    expect((await ring.signing()).id).toBe(key.id);
    expect([store.loads, store.makes]).toEqual([1, 0]);
  });

  test('are made when none signs', async () => {
    const over = newKey(false);
    const store = storeOf([over]);
    const ring = new KeyRing(store);
    const { id } = await ring.signing();
    expect(id).not.toBe(over.id);
    expect((await ring.find(over.id))?.id).toBe(over.id);
    expect(store.makes).toBe(1);
  });

  test('are looked for once more when one is asked for that is not there, and once for all who ask', async () => {
    const keys = [newKey()];
    const store = storeOf(keys);
    const ring = new KeyRing(store);
    await ring.signing();
    const made = newKey();
    const asked = Array.from({ length: 1000 }, () => ring.find(randomUUID()));
    const wanted = ring.find(made.id);
    keys.push(made);
    expect((await Promise.all(asked)).filter((key) => key !== undefined)).toEqual([]);
    expect((await wanted)?.id).toBe(made.id);
    expect(store.loads).toBe(2);
  });

  test('stay as they are when the store does not answer, and whoever needs another is told', async () => {
    const key = newKey();
    const store = storeOf([key]);
    const ring = new KeyRing(store);
    await ring.signing();
    store.load = async () => {
      throw new Error('away');
    };
    await expect(ring.find(randomUUID())).rejects.toThrow('away');
    expect((await ring.find(key.id))?.id).toBe(key.id);
  });
});
