import { describe, expect, test } from 'vitest';
import { check } from '../../src/cli/check.ts';
import { findingInWords, summaryInWords } from '../../src/cli/check-in-words.ts';
import { UsageError } from '../../src/cli/demo-arguments.ts';
import type { CheckSummary, Finding } from '../../src/core/findings.ts';

describe('npx sheaf check', () => {
  test.each([
    [['--older-than', 'soon'], '--older-than is a whole number of seconds'],
    [['--older-than', '-1'], '--older-than'],
    [['--older-than=9999999999'], '--older-than is a whole number of seconds'],
    [['--fixed'], '--fixed'],
    [['now'], 'now'],
  ])('does not take %j, before it connects to anything', async (args, why) => {
    const refused = check(args);
    await expect(refused).rejects.toBeInstanceOf(UsageError);
    await expect(refused).rejects.toThrow(why);
  });
});

describe('what it found, in words', () => {
  const stored_ts = 1_795_300_000;
  test.each<[Finding, string]>([
    [
      {
        kind: 'object_without_owner',
        key: 'batches/b/x\u001b[31m',
        bytes: 2500,
        stored_ts,
        remedy: 'removed',
      },
      'object without owner: batches/b/x\\u001b[31m (2.5 kB, of 2026-11-21T22:26:40.000Z) → removed',
    ],
    [
      {
        kind: 'unfinished_upload_without_owner',
        key: 'uploads/x',
        upload_id: 'u',
        begun_ts: 0,
        remedy: null,
      },
      'unfinished upload without owner: uploads/x, u (of 1970-01-01T00:00:00.000Z)',
    ],
    [{ kind: 'strange_object', key: 'uploads/x', remedy: null }, 'not of Sheaf, and left alone: uploads/x'],
    [
      { kind: 'upload_gone', handler: 'h', account: 'a', key: 'uploads/a/h', remedy: 'emptied' },
      'upload gone: h of account a; no batch can be made of it → noted',
    ],
    [
      {
        ...{
          kind: 'batch_objects_gone',
          batch: 'b',
          account: 'a',
          status: 'completed',
          key: 'batches/b/input/l',
        },
        ...{ inputs: 1, parts: 1200, results: 1, remedy: null },
      },
      'objects of a batch gone: b of account a, in completed: its input, 1,200 parts, 1 result file, such as batches/b/input/l',
    ],
  ])('%j', (finding, words) => expect(findingInWords(finding)).toBe(words));

  const summary: CheckSummary = {
    ...{ objects: 1200, unfinished_uploads: 0, bytes: 3_000_000, batches: 7, uploads: 2, kept: 1200 },
    ...{ left_to_sweep: 0, young: 3, found: 0, mended: 0 },
  };
  test.each([
    [{}, false, 'Everything goes together.'],
    [{ found: 2 }, false, '2 found; --fix removes or mends what can be.'],
    [{ found: 2, mended: 2 }, true, '2 found, 2 mended.'],
    [{ found: 2, mended: 1 }, true, '2 found, 1 mended, 1 stay as they are.'],
  ])('and as a whole: %j', (counts, fix, end) => {
    expect(summaryInWords({ ...summary, ...counts }, fix)).toBe(
      `Looked at 1,200 objects (3.0 MB), 0 unfinished uploads, 7 batches and 2 uploads.\n0 objects are left to the sweep, 3 are too young to be judged.\n${end}`,
    );
  });
});
