import { describe, expect, test } from 'vitest';
import type { Batch } from '../../src/api/schemas/batch.ts';
import { batchExample } from '../../src/api/schemas/batch-example.ts';
import { NO_COLOURS, paintFor } from '../../src/cli/paint.ts';
import { bar, endedLine, plainRunningLine, runningLine } from '../../src/cli/progress-lines.ts';
import { batchProgress, PlainView, TerminalView } from '../../src/cli/progress-view.ts';
import { endedStages, type RunningStage, runningStage } from '../../src/cli/stages.ts';

type Statuses = [status: Batch['status'], ts: number][];

function batchAt(statuses: Statuses, progress: Partial<NonNullable<Batch['progress']>> | null): Batch {
  const base = batchExample as unknown as Batch;
  const status = statuses.at(-1)![0];
  const idle = {
    stage: status,
    unit: 'records' as const,
    done: 0,
    of: null,
    per_second: null,
    seconds_left: null,
  };
  return {
    ...base,
    status,
    statuses: statuses.map(([name, ts]) => ({ status: name, ts })),
    progress: progress === null ? null : { ...idle, ...progress },
  };
}

const LIFE: Statuses = [
  ['new', 0],
  ['copying', 0.1],
  ['copied', 0.6],
  ['validating', 0.7],
  ['processing', 1.7],
  ['processed', 3.7],
  ['writing_results', 3.8],
  ['completed', 4.8],
];

const processing: RunningStage = {
  label: 'process',
  unit: 'records',
  done: 41_012,
  of: 100_000,
  perSecond: 51_234,
  secondsLeft: [1, 2],
};

describe('bars', () => {
  test.each([
    [null, '░░░░░░░░░░'],
    [0, '░░░░░░░░░░'],
    [0.05, '░░░░░░░░░░'],
    [0.5, '█████░░░░░'],
    [0.999, '█████████░'],
    [1, '██████████'],
    [1.2, '██████████'],
  ])('%j', (share, cells) => {
    expect(bar(share, 10)).toBe(cells);
  });
});

describe('the line of a stage', () => {
  const line = (stage: Partial<RunningStage>, width = 99) =>
    runningLine({ ...processing, ...stage }, width, NO_COLOURS);

  test('at the beginning', () => {
    expect(line({ done: 0, perSecond: null, secondsLeft: null })).toBe(
      '  process        ░░░░░░░░░░░░░░░░░░░░░░░░░░░░  0 of 100,000 records',
    );
  });

  test('in the middle', () => {
    expect(line({})).toBe(
      '  process        ███████████░░░░░░░░░░░░░░░░░  41,012 of 100,000 records      51,200/s   1–2 s left',
    );
  });

  test('of an unknown total', () => {
    expect(line({ of: null, secondsLeft: null })).toBe(
      '  process        ░░░░░░░░░░░░░░░░░░░░░░░░░░░░  41,012 records                 51,200/s',
    );
  });

  test('of bytes', () => {
    const bytes = {
      label: 'copy',
      unit: 'bytes',
      done: 6_000_000,
      of: 12_000_000,
      perSecond: 52_400_000,
    } as const;
    expect(line(bytes)).toBe(
      '  copy           ██████████████░░░░░░░░░░░░░░  6.0 MB of 12.0 MB             52.4 MB/s   1–2 s left',
    );
  });

  test('of nothing', () => {
    expect(line({ done: 0, of: 0, perSecond: null, secondsLeft: null })).toContain('█'.repeat(28));
  });

  test('that has ended', () => {
    const ended = { label: 'process', unit: 'records', amount: 100_000, seconds: 2 } as const;
    expect(endedLine(ended, 99, NO_COLOURS)).toBe(
      '  process        ████████████████████████████  100,000 records                50,000/s        2.0 s',
    );
    expect(endedLine({ ...ended, amount: null }, 99, NO_COLOURS)).toBe(
      '  process        ░░░░░░░░░░░░░░░░░░░░░░░░░░░░  stopped                                        2.0 s',
    );
  });

  test.each([300, 100, 99, 80, 79, 60, 40, 20, 1])(
    'is never wider than %i columns, nor than 100',
    (width) => {
      const long = { label: 'write results', done: 999_999_999, of: 9_999_999_999 };
      for (const stage of [{}, long])
        expect(line(stage, width).length).toBeLessThanOrEqual(Math.min(width, 100));
    },
  );

  test('gives up the bar before the numbers', () => {
    expect(line({}, 79)).toContain('██');
    expect(line({}, 70)).toBe('  process        41,012 of 100,000 records  51,200/s  1–2 s left');
    expect(line({}, 40)).toBe('  process        41,012 of 100,000 reco…');
  });

  test('in plain words', () => {
    expect(plainRunningLine(processing, 100)).toBe(
      '  process        41,012 of 100,000 records, 51,200/s, 1–2 s left',
    );
    const unknown = { ...processing, of: null, perSecond: null, secondsLeft: null };
    expect(plainRunningLine(unknown, 100)).toBe('  process        41,012 records');
  });
});

describe('what of a batch is over', () => {
  test('each stage with what it went through and how long', () => {
    const stages = endedStages(batchAt(LIFE, null), 12_000_000);
    expect(stages.map(({ label, amount, seconds }) => [label, amount, Number(seconds.toFixed(3))])).toEqual([
      ['copy', 12_000_000, 0.5],
      ['validate', 100_000, 1],
      ['process', 100_000, 2],
      ['write results', 100_000, 1],
    ]);
  });

  test.each<[string, Statuses, [string, number | null]]>([
    [
      'a wrong hash: all was read',
      [
        ['copying', 0],
        ['hash_mismatch', 1],
      ],
      ['copy', 9],
    ],
    [
      'a rejected file: all was checked',
      [
        ['validating', 0],
        ['validation_failed', 1],
      ],
      ['validate', 100_000],
    ],
    [
      'a failure',
      [
        ['processing', 0],
        ['failed', 1],
      ],
      ['process', null],
    ],
    [
      'a cancelled batch',
      [
        ['processing', 0],
        ['cancel', 1],
      ],
      ['process', null],
    ],
  ])('%s', (_, statuses, [label, amount]) => {
    expect(endedStages(batchAt(statuses, null), 9)).toEqual([expect.objectContaining({ label, amount })]);
  });

  test.each<[string, Partial<NonNullable<Batch['read']>>, boolean]>([
    ['UTF-8 text', {}, false],
    ['NDJSON', { format: 'ndjson' }, false],
    ['a JSON array', { format: 'json' }, true],
    ['a workbook', { format: 'xlsx' }, true],
    ['what is gzipped', { compression: 'gzip' }, true],
    ['another encoding', { encoding: 'utf-16le' }, true],
    ['lone CRs', { line_end: 'cr' }, true],
  ])('the conversion of %s', (_, change, converted) => {
    const batch = batchAt(LIFE, null);
    const stages = endedStages({ ...batch, read: { ...batch.read!, ...change } }, 12_000_000);
    const conversion = stages.find(({ label }) => label === 'convert');
    expect(conversion?.amount).toBe(converted ? 12_000_000 : undefined);
    expect(stages).toHaveLength(converted ? 5 : 4);
    expect(endedStages({ ...batch, read: null }, 1)).toHaveLength(4);
  });

  test('a clock that went back gives no negative time', () => {
    const [stage] = endedStages(
      batchAt(
        [
          ['copying', 5],
          ['copied', 4],
        ],
        null,
      ),
      9,
    );
    expect(stage?.seconds).toBe(0);
  });
});

describe('what a batch is at', () => {
  test('the stage that runs', () => {
    const batch = batchAt(LIFE.slice(0, 5), { done: 5, of: 10, per_second: 2, seconds_left: [2, 3] });
    expect(runningStage(batch)).toEqual({
      label: 'process',
      unit: 'records',
      done: 5,
      of: 10,
      perSecond: 2,
      secondsLeft: [2, 3],
    });
  });

  test('the conversion, which counts bytes before there are records', () => {
    const progress = {
      unit: 'bytes' as const,
      done: 5,
      of: 10,
      per_second: 2,
      seconds_left: [2, 3] as [2, 3],
    };
    expect(runningStage(batchAt(LIFE.slice(0, 3), progress))).toEqual({
      label: 'convert',
      unit: 'bytes',
      done: 5,
      of: 10,
      perSecond: 2,
      secondsLeft: [2, 3],
    });
  });

  test.each<[Batch['status'], string]>([
    ['new', 'copy'],
    ['copied', 'validate'],
    ['processed', 'write results'],
  ])('in %s the next one, at nothing', (status, label) => {
    const batch = batchAt([[status, 0]], { done: 100, of: 100, per_second: 9 });
    expect(runningStage(batch)).toMatchObject({ label, done: 0, of: 100, perSecond: null });
  });

  test.each<Batch['status']>(['completed', 'failed', 'cancelled', 'cancelling'])(
    'nothing in %s',
    (status) => {
      expect(runningStage(batchAt([[status, 0]], null))).toBeNull();
    },
  );
});

describe('views', () => {
  function screen(columns?: number) {
    const written: string[] = [];
    return { written, columns, write: (text: string) => void written.push(text) };
  }

  /** What stands on a terminal after some writes. */
  function shown(written: readonly string[]): string[] {
    return written
      .join('')
      .split('\n')
      .map((line) => line.slice(line.lastIndexOf('\u001b[2K') + 1).replace(/^\[2K/, ''));
  }

  test('a terminal: the running line is drawn over, ended ones stay', () => {
    const out = screen(100);
    const show = batchProgress(new TerminalView(out, NO_COLOURS), 12_000_000);
    show(batchAt(LIFE.slice(0, 2), { unit: 'bytes', done: 6_000_000, of: 12_000_000 }));
    show(batchAt(LIFE.slice(0, 5), { done: 10, of: 100_000 }));
    show(batchAt(LIFE, null));
    expect(shown(out.written).map((line) => line.trim().split('  ')[0])).toEqual([
      'copy',
      'validate',
      'process',
      'write results',
      '',
    ]);
    expect(shown(out.written.slice(0, 1))).toEqual([expect.stringContaining('6.0 MB of 12.0 MB')]);
    expect(shown(out.written.slice(0, 4)).at(-1)).toContain('10 of 100,000 records');
    expect(shown(out.written).join('')).not.toContain(' of ');
  });

  test('a terminal: what is written after a stop begins on a line of its own', () => {
    const out = screen(100);
    const view = new TerminalView(out, NO_COLOURS);
    view.running(processing);
    view.stop();
    view.stop();
    expect(out.written.slice(1)).toEqual(['\n']);
  });

  test('a terminal whose width is not known, or nothing, has 80 columns', () => {
    for (const columns of [undefined, 0]) {
      const out = screen(columns);
      new TerminalView(out, NO_COLOURS).running(processing);
      expect(out.written[0]!.replace('\r\u001b[2K', '').length).toBeLessThanOrEqual(79);
    }
  });

  test('plain: a line for each stage, and one every two seconds', () => {
    const out = screen();
    let now = 0;
    const view = new PlainView(out, () => now);
    for (now = 0; now <= 5000; now += 250) view.running({ ...processing, done: now });
    view.ended({ label: 'process', unit: 'records', amount: 100_000, seconds: 5 });
    view.running({ ...processing, label: 'write results' });
    expect(out.written).toEqual([
      '  process        2,000 of 100,000 records, 51,200/s, 1–2 s left\n',
      '  process        4,000 of 100,000 records, 51,200/s, 1–2 s left\n',
      '  process        100,000 records     20,000/s        5.0 s\n',
    ]);
  });

  test('plain: nothing that a terminal would act on', () => {
    const out = screen();
    const show = batchProgress(new PlainView(out), 1);
    show(batchAt(LIFE, null));
    expect(out.written).toHaveLength(4);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(out.written.join('')).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });
});

describe('colours', () => {
  test.each([
    [true, {}, true],
    [true, { NO_COLOR: '' }, true],
    [true, { NO_COLOR: '1' }, false],
    [true, { TERM: 'dumb' }, false],
    [false, {}, false],
  ])('terminal %j with %j: %j', (isTerminal, env, coloured) => {
    expect(paintFor(isTerminal, env).bold('x') !== 'x').toBe(coloured);
  });

  test('do not change what stands there', () => {
    const coloured = runningLine(processing, 99, paintFor(true, {}));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control characters
    expect(coloured.replace(/\u001b\[\d+m/g, '')).toBe(runningLine(processing, 99, NO_COLOURS));
  });
});
