import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ObjectStore } from '../../src/engine/ports/object-store.ts';
import { ResultFileWriter } from '../../src/engine/result-file.ts';

const MIB = 1 << 20;

const unhandled: unknown[] = [];
const note = (error: unknown) => void unhandled.push(error);

beforeEach(() => {
  unhandled.length = 0;
  process.on('unhandledRejection', note);
});

afterEach(async () => {
  // Unhandled rejections are told after the turn of the event loop in which they happen.
  await turn();
  await turn();
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});

type PutStream = ObjectStore['putStream'];

function open(putStream: PutStream): ResultFileWriter {
  return new ResultFileWriter(
    { putStream },
    { kind: 'all', format: 'ndjson', key: 'batches/b1/results/l1/all.ndjson' },
    { contentType: 'application/x-ndjson', signal: new AbortController().signal },
  );
}

/** A store that reads only when it is let. */
function slowStore() {
  const pieces: Buffer[] = [];
  let body: Readable | undefined;
  let visible = false;
  let go: () => void = () => {};
  const started = new Promise<void>((resolve) => {
    go = resolve;
  });
  const putStream: PutStream = async (_, stream) => {
    body = stream;
    await started;
    for await (const piece of stream) pieces.push(piece as Buffer);
    visible = true;
  };
  return { putStream, go, bytes: () => Buffer.concat(pieces), body: () => body!, visible: () => visible };
}

/** Whether a promise has settled after the event loop has turned a few times. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  const mark = () => {
    done = true;
  };
  promise.then(mark, mark);
  for (let i = 0; i < 5; i += 1) await turn();
  return done;
}

describe('a file that goes well', () => {
  test('is counted and hashed as it is stored', async () => {
    const store = slowStore();
    store.go();
    const writer = open(store.putStream);
    await writer.write('{"record":1}\n{"record":2}\n', 2);
    await writer.write(Buffer.from('{"record":3,"output":"ä😀"}\n'), 1);
    await writer.write('', 0);
    const file = await writer.finish();
    const text = '{"record":1}\n{"record":2}\n{"record":3,"output":"ä😀"}\n';
    expect(store.bytes().toString()).toBe(text);
    expect(file).toEqual({
      kind: 'all',
      format: 'ndjson',
      key: 'batches/b1/results/l1/all.ndjson',
      bytes: Buffer.byteLength(text),
      records: 3,
      sha256: createHash('sha256').update(text).digest('hex'),
    });
  });

  test('an empty one is a file too', async () => {
    const store = slowStore();
    store.go();
    const file = await open(store.putStream).finish();
    expect(store.visible()).toBe(true);
    expect(file).toMatchObject({ bytes: 0, records: 0, sha256: createHash('sha256').digest('hex') });
  });

  test('key, type and signal reach the store', async () => {
    const seen: unknown[] = [];
    const signal = new AbortController().signal;
    const writer = new ResultFileWriter(
      {
        putStream: async (key, body, options) => {
          seen.push(key, options?.contentType, options?.signal);
          body.resume();
        },
      },
      { kind: 'errors', format: 'ndjson', key: 'k' },
      { contentType: 'application/x-ndjson', signal },
    );
    await writer.finish();
    expect(seen).toEqual(['k', 'application/x-ndjson', signal]);
  });

  test('it is not finished before it is stored', async () => {
    const store = slowStore();
    const writer = open(store.putStream);
    await writer.write('x\n', 1);
    const finishing = writer.finish();
    expect(await settled(finishing)).toBe(false);
    store.go();
    expect((await finishing).bytes).toBe(2);
  });
});

describe('a store that is slower than the writer', () => {
  test('holds the writer back, so that little is in memory', async () => {
    const store = slowStore();
    const writer = open(store.putStream);
    await writer.write(Buffer.alloc(MIB / 2, 'a'), 1);
    const over = writer.write(Buffer.alloc(MIB, 'b'), 1);
    expect(await settled(over)).toBe(false);
    store.go();
    await over;
    const file = await writer.finish();
    expect(file.bytes).toBe(1.5 * MIB);
    expect(store.bytes().length).toBe(1.5 * MIB);
    expect(
      store
        .bytes()
        .subarray(MIB / 2 - 1, MIB / 2 + 1)
        .toString(),
    ).toBe('ab');
  });

  test('many pieces arrive whole and in order', async () => {
    const store = slowStore();
    store.go();
    const writer = open(store.putStream);
    const hash = createHash('sha256');
    for (let i = 0; i < 40; i += 1) {
      const piece = Buffer.alloc(MIB / 4, `${i},`);
      hash.update(piece);
      await writer.write(piece, 10);
      expect(store.body().readableLength).toBeLessThanOrEqual(2 * MIB);
    }
    const { bytes, records, sha256 } = await writer.finish();
    expect({ bytes, records }).toEqual({ bytes: 10 * MIB, records: 400 });
    expect(sha256).toBe(hash.digest('hex'));
    expect(createHash('sha256').update(store.bytes()).digest('hex')).toBe(sha256);
  });
});

describe('a store that fails', () => {
  const broken = new Error('the object store answered 503');

  test('at once: writing and finishing are refused with its error', async () => {
    const writer = open(() => Promise.reject(broken));
    await turn();
    await expect(writer.write('x\n', 1)).rejects.toBe(broken);
    await expect(writer.write('x\n', 1)).rejects.toBe(broken);
    await expect(writer.finish()).rejects.toBe(broken);
  });

  test('in the middle: the writer that waits for room hears of it', async () => {
    let fail: (error: Error) => void = () => {};
    const writer = open(
      () =>
        new Promise((_, reject) => {
          fail = reject;
        }),
    );
    const waiting = writer.write(Buffer.alloc(2 * MIB), 1);
    expect(await settled(waiting)).toBe(false);
    const refused = expect(waiting).rejects.toBe(broken);
    fail(broken);
    await refused;
    await expect(writer.write('x\n', 1)).rejects.toBe(broken);
    await expect(writer.finish()).rejects.toBe(broken);
  });

  test('after some was read', async () => {
    const writer = open(async (_, body) => {
      for await (const piece of body) if ((piece as Buffer).includes('b')) throw broken;
    });
    await writer.write('a\n', 1);
    await turn();
    await writer.write('b\n', 1);
    await expect(writer.finish()).rejects.toBe(broken);
  });

  test('while nobody waits for it: nothing is unhandled', async () => {
    const writer = open(() => Promise.reject(broken));
    await turn();
    await writer.abandon(new Error('something else'));
  });

  test('and is abandoned then, as whoever wrote does', async () => {
    const writer = open(() => Promise.reject(broken));
    await expect(writer.finish()).rejects.toBe(broken);
    await writer.abandon(broken);
  });
});

describe('abandoning', () => {
  test('ends the stream with the reason, and waits until the store has let go', async () => {
    const reason = new Error('the lease is not held any more');
    let seen: unknown;
    let letGo = false;
    const writer = open(async (_, body) => {
      try {
        for await (const _piece of body);
      } catch (error) {
        seen = error;
        await turn();
        letGo = true;
        throw error;
      }
    });
    await writer.write('x\n', 1);
    await writer.abandon(reason);
    expect(seen).toBe(reason);
    expect(letGo).toBe(true);
    await expect(writer.finish()).rejects.toBe(reason);
  });

  test('nothing becomes visible', async () => {
    const store = slowStore();
    const writer = open(store.putStream);
    await writer.write('x\n', 1);
    const abandoned = writer.abandon(new Error('given up'));
    store.go();
    await abandoned;
    expect(store.visible()).toBe(false);
  });

  test('a finished file stays', async () => {
    const store = slowStore();
    store.go();
    const writer = open(store.putStream);
    await writer.finish();
    await writer.abandon(new Error('the other file failed'));
    expect(store.visible()).toBe(true);
  });
});
