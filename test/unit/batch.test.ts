import { describe, expect, test } from 'vitest';
import {
  BATCH_EVENTS,
  BATCH_STATUSES,
  type BatchStatus,
  isTerminal,
  RESUMING,
  statusAfter,
  statusesBefore,
  TERMINAL_STATUSES,
  TRANSITIONS,
} from '../../src/core/batch.ts';
import { GOOD_WAY } from '../support/statuses.ts';

/** The column "goes to" of the product's table of statuses, with `failed` from the rule below that table. */
const GOES_TO: Record<BatchStatus, BatchStatus[]> = {
  new: ['copying', 'cancel', 'failed'],
  copying: ['copied', 'hash_mismatch', 'cancel', 'failed'],
  copied: ['validating', 'cancel', 'failed'],
  hash_mismatch: ['deleting'],
  validating: ['processing', 'validation_failed', 'completed', 'cancel', 'failed'],
  validation_failed: ['deleting'],
  processing: ['processed', 'cancel', 'failed'],
  processed: ['writing_results', 'cancel', 'failed'],
  writing_results: ['completed', 'failed'],
  completed: ['deleting'],
  cancel: ['cancelling'],
  cancelling: ['cancelled'],
  cancelled: ['deleting'],
  deleting: [],
  failed: ['new', 'copied', 'processing', 'processed', 'deleting'],
};

const arrows = BATCH_STATUSES.flatMap((from) =>
  BATCH_EVENTS.flatMap((event) => {
    const to = TRANSITIONS[from][event];
    return to === null ? [] : [{ from, event, to }];
  }),
);

describe('the transition table', () => {
  test('has an entry for every status and every event, and none besides', () => {
    expect(Object.keys(TRANSITIONS).sort()).toEqual([...BATCH_STATUSES].sort());
    for (const status of BATCH_STATUSES) {
      expect(Object.keys(TRANSITIONS[status]).sort(), status).toEqual([...BATCH_EVENTS].sort());
      for (const to of Object.values(TRANSITIONS[status])) {
        expect([null, ...BATCH_STATUSES], status).toContain(to);
      }
    }
  });

  test.each(BATCH_EVENTS)('the event %s leads to exactly one status', (event) => {
    const targets = new Set(arrows.filter((arrow) => arrow.event === event).map((arrow) => arrow.to));
    expect(targets.size).toBe(1);
  });

  test.each(TERMINAL_STATUSES)(
    'nothing but a delete, and of a failed batch a resume, leads out of %s',
    (status) => {
      const events = arrows.filter((arrow) => arrow.from === status).map((arrow) => arrow.event);
      const resumes = [...new Set(Object.values(RESUMING))];
      expect(new Set(events)).toEqual(
        new Set(status === 'failed' ? ['delete_started', ...resumes] : ['delete_started']),
      );
    },
  );

  test('nothing but resuming leads back to a status that the batch was in', () => {
    const onwards = arrows.filter((arrow) => arrow.from !== 'failed');
    const reachable = (status: BatchStatus): BatchStatus[] =>
      onwards.filter((arrow) => arrow.from === status).flatMap((arrow) => [arrow.to, ...reachable(arrow.to)]);
    for (const status of BATCH_STATUSES) expect(reachable(status)).not.toContain(status);
  });

  test('resuming leads back to the step in which the batch failed', () => {
    for (const [from, event] of Object.entries(RESUMING)) {
      const to = statusAfter(event);
      expect(TRANSITIONS.failed[event], from).toBe(to);
      const before = { copying: 'new', validating: 'copied', writing_results: 'processed' }[from];
      expect(to, from).toBe(before ?? from);
    }
  });

  test('every arrow is one of the product’s', () => {
    for (const { from, to } of arrows) expect(GOES_TO[from], from).toContain(to);
  });

  test('every arrow of the product is there', () => {
    const built = new Set(arrows.map(({ from, to }) => `${from} → ${to}`));
    const wanted = BATCH_STATUSES.flatMap((from) => GOES_TO[from].map((to) => `${from} → ${to}`));
    expect(wanted.filter((arrow) => !built.has(arrow))).toEqual([]);
  });

  test('a batch that goes well passes through every stage to completed', () => {
    const life = [
      'copy_started',
      'copy_finished',
      'validation_started',
      'validation_passed',
      'chunks_settled',
      'writing_started',
      'results_written',
    ] as const;
    const statuses: BatchStatus[] = ['new'];
    for (const event of life) statuses.push(TRANSITIONS[statuses.at(-1)!][event]!);
    expect(statuses).toEqual(GOOD_WAY);
  });
});

describe('isTerminal', () => {
  test('names those that the product calls terminal', () => {
    expect(BATCH_STATUSES.filter(isTerminal)).toEqual([
      'hash_mismatch',
      'validation_failed',
      'completed',
      'cancelled',
      'failed',
    ]);
  });
});

describe('statusesBefore and statusAfter', () => {
  test.each([
    ['copy_started', ['new'], 'copying'],
    ['hash_differed', ['copying'], 'hash_mismatch'],
    ['copy_finished', ['copying'], 'copied'],
    ['validation_started', ['copied'], 'validating'],
    ['validation_rejected', ['validating'], 'validation_failed'],
    ['validation_passed', ['validating'], 'processing'],
    ['chunks_settled', ['processing'], 'processed'],
    ['writing_started', ['processed'], 'writing_results'],
    ['results_written', ['writing_results'], 'completed'],
    ['dry_run_finished', ['validating'], 'completed'],
    ['cancel_requested', ['new', 'copying', 'copied', 'validating', 'processing', 'processed'], 'cancel'],
    ['cancel_started', ['cancel'], 'cancelling'],
    ['cancel_finished', ['cancelling'], 'cancelled'],
    [
      'delete_started',
      ['hash_mismatch', 'validation_failed', 'completed', 'cancelled', 'failed'],
      'deleting',
    ],
    [
      'failed',
      ['new', 'copying', 'copied', 'validating', 'processing', 'processed', 'writing_results'],
      'failed',
    ],
  ] as const)('%s: from %j to %s', (event, before, after) => {
    expect(statusesBefore(event)).toEqual(before);
    expect(statusAfter(event)).toBe(after);
  });
});
