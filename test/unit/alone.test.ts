import { describe, expect, test } from 'vitest';
import type { RecordSpan } from '../../src/core/probes.ts';
import { AloneRoom } from '../../src/engine/alone/room.ts';
import { Trial } from '../../src/engine/alone/trial.ts';
import { watchAlone } from '../../src/engine/alone/watch-alone.ts';
import type { AloneEnd } from '../../src/engine/ports/alone.ts';
import type { BatchClaim, ChunkClaim } from '../../src/engine/ports/claims.ts';
import { silentLog } from '../support/silent-log.ts';

const SPAN: RecordSpan = { from: 11, to: 20 };
const range = { number: 2, firstRecord: 11, records: 10 };
const chunk = { kind: 'chunk', batchId: 'b1', range, probes: [] } as unknown as ChunkClaim;
const batch = { kind: 'batch', batchId: 'b1' } as BatchClaim;

describe('the room for what runs alone', () => {
  test('is for one chunk and one step at a time', () => {
    const room = new AloneRoom();
    expect([room.take('validate'), room.take('process'), room.take('call')]).toEqual([true, false, false]);
    expect([room.take('convert'), room.take('write_results')]).toEqual([true, false]);
    room.leave('validate');
    expect([room.take('copy'), room.take('call')]).toEqual([false, true]);
  });

  test('tells who leaves it where somebody found nothing meanwhile, once', () => {
    const room = new AloneRoom();
    room.take('process');
    room.take('copy');
    for (const stage of ['call', 'validate', 'call', 'convert'] as const) room.missed(stage);
    expect(room.leave('process')).toEqual(['call', 'validate']);
    expect(room.leave('process')).toEqual([]);
    expect(room.leave('copy')).toEqual(['convert']);
  });
});

describe('the trial of a suspect chunk', () => {
  const tried = async (claim: ChunkClaim) => {
    const did: unknown[] = [];
    const trial = new Trial(claim, async (span) => void did.push(['told', span]));
    for await (const span of trial.spans()) did.push(['tried', span]);
    await trial.over();
    return did;
  };

  test('begins with all of its records, told before they are tried', async () => {
    expect(await tried(chunk)).toEqual([
      ['told', SPAN],
      ['tried', SPAN],
      ['told', null],
    ]);
  });

  test('goes on with the spans that are left, in their order', async () => {
    const probes = [
      { from: 13, to: 13, crashes: 2 },
      { from: 14, to: 20, crashes: 0 },
    ];
    const spans = probes.map(({ from, to }) => ({ from, to }));
    expect(await tried({ ...chunk, probes })).toEqual([
      ...spans.flatMap((span) => [
        ['told', span],
        ['tried', span],
      ]),
      ['told', null],
    ]);
  });
});

describe('work in a process of its own', () => {
  const LOST = new Error('the lease is lost');
  async function comesTo(
    claim: ChunkClaim | BatchClaim,
    end: AloneEnd,
    { noted = null, lost = false }: { noted?: number[] | null; lost?: boolean } = {},
  ) {
    const abort = new AbortController();
    const blamed: (RecordSpan | null)[] = [];
    const noteCrash = async (_: ChunkClaim, span: RecordSpan | null) => {
      blamed.push(span);
      return noted;
    };
    const lease = { signal: abort.signal, progress: () => {}, alive: () => {} };
    const runAlone = async () => {
      if (lost) abort.abort(LOST);
      return end;
    };
    const engine = { work: { noteCrash }, settings: { maxCrashes: 2 }, log: silentLog };
    const outcome = await watchAlone(engine, runAlone, claim, lease).catch((error: unknown) => error);
    return { outcome, blamed };
  }

  test('that ends well is as if it was done here', async () => {
    expect(await comesTo(chunk, { paused: null })).toEqual({ outcome: null, blamed: [] });
    const paused = { delaySeconds: 3 };
    expect(await comesTo(chunk, { paused })).toEqual({ outcome: paused, blamed: [] });
  });

  test('whose process has crashed over records is tried again at once, without an attempt', async () => {
    const { outcome, blamed } = await comesTo(chunk, { crashed: 'SIGABRT', span: SPAN }, { noted: [12] });
    expect(outcome).toMatchObject({ name: 'RetryableFault', free: true });
    expect(blamed).toEqual([SPAN]);
  });

  test('over so many records that it is no doing of theirs is given up', async () => {
    const { outcome } = await comesTo(chunk, { crashed: 'SIGABRT', span: SPAN }, { noted: [12, 15] });
    expect(outcome).toMatchObject({ name: 'PermanentFault', code: 'retries_exhausted' });
    expect((outcome as Error).message).toBe('2 records of chunk 2 have crashed their process');
  });

  test.each([
    ['before any record has begun, or after its commit', chunk],
    ['in a step', batch],
  ])('%s costs an attempt', async (_, claim) => {
    const { outcome } = await comesTo(claim, { crashed: 'exit code 1', span: null });
    expect(outcome).toMatchObject({ name: 'RetryableFault', free: false });
    expect((outcome as Error).message).toBe('its process ended: exit code 1');
  });

  test('whose lease was lost blames nobody', async () => {
    const { outcome, blamed } = await comesTo(chunk, { crashed: 'SIGKILL', span: SPAN }, { lost: true });
    expect(outcome).toBe(LOST);
    expect(blamed).toEqual([]);
  });
});
