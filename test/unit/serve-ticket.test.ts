import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import Type from 'typebox';
import { describe, expect, test } from 'vitest';
import type { Statement } from '../../src/core/access.ts';
import type { Counts, Stage } from '../../src/core/batch.ts';
import { LeaseLost, PermanentFault, RetryableFault } from '../../src/core/errors.ts';
import { UNSTATED } from '../../src/core/file-format.ts';
import { defineOperation, OperationRegistry } from '../../src/core/operation.ts';
import { succeeded } from '../../src/core/result.ts';
import { AloneRoom } from '../../src/engine/alone/room.ts';
import { Gate } from '../../src/engine/gate.ts';
import { LeaseKeeper } from '../../src/engine/lease-keeper.ts';
import type { AloneEnd, RunAlone } from '../../src/engine/ports/alone.ts';
import type { CopiedInput } from '../../src/engine/ports/batch-input.ts';
import type { BatchClaim, ChunkClaim, KnownOperations, LeaseRef } from '../../src/engine/ports/claims.ts';
import type { LimitStore } from '../../src/engine/ports/limit-store.ts';
import type { Ticket } from '../../src/engine/ports/work-queue.ts';
import type { WorkWaiting } from '../../src/engine/ports/work-store.ts';
import type { WorkTransaction } from '../../src/engine/ports/work-transaction.ts';
import { type ServeTicket, serveTicket } from '../../src/engine/serve-ticket.ts';
import { csvDescription } from '../../src/formats/description.ts';
import { ADMIN_STATEMENTS, AMPLE } from '../support/caller.ts';
import { silentLog } from '../support/silent-log.ts';

const KNOWN: KnownOperations = { names: ['greet'], versions: [1] };
const MAX_ATTEMPTS = 3;
const MAX_CRASHES = 5;
const BATCH = 'b1';

const closed = { additionalProperties: false };
const greet = defineOperation({
  name: 'greet',
  version: 1,
  title: 'Greet',
  description: 'Greets',
  input: Type.Object({ who: Type.String() }, closed),
  output: Type.Object({ greeting: Type.String() }, closed),
  settings: Type.Object({}, closed),
  failures: {},
  run: async (records) => records.map(({ input }) => succeeded({ greeting: `hello ${input.who}` })),
});

interface Script {
  /** What ends a step instead of its settling; `work` is what the step does before. */
  fault?: { at: Stage; error: unknown };
  attempts?: number;
  crashes?: number;
  /** What has work of a process of its own come to; without it there is none. */
  alone?: AloneEnd;
  /** Whether the lease is still held when the work is given back. */
  held?: boolean;
  /** What there is to do after a stage; by default one piece of the next. */
  next?: Partial<Record<Stage, WorkWaiting[]>>;
  /** After which step the worker is told to stop; `'before'`: it is stopping already. */
  stopAfter?: Stage | 'before';
  nothingToClaim?: boolean;
  /** Nobody can be asked what waits. */
  away?: boolean;
  /** What whoever the batch runs on behalf of may do; everything, where nothing is said. */
  rights?: readonly Statement[] | null;
  /** Called where a step would settle, e.g. to take the lease away. */
  onSettle?: (leases: LeaseKeeper) => void;
}

/** The unprocessed records as asked for and as they came. */
const KINDS = ['all', 'succeeded', 'failed', 'errors', 'unprocessed', 'unprocessed', 'manifest'];
const STATUS = {
  copy: 'copying',
  copy_checked: 'copying',
  convert: 'copied',
  write_results: 'writing_results',
  remove: 'deleting',
} as const;

const one = (stage: Stage): WorkWaiting[] => [{ stage, batchId: BATCH, tickets: 1 }];
const NEXT: Record<Stage, WorkWaiting[]> = {
  copy: one('validate'),
  copy_checked: one('validate'),
  convert: one('validate'),
  validate: one('process'),
  process: one('write_results'),
  call: one('write_results'),
  write_results: [],
  remove: [],
};

/** One batch of one chunk in memory, and everything that is done with it, in order. */
class World {
  readonly did: string[] = [];
  readonly tickets: Ticket[] = [];
  readonly givenBack: { lease: LeaseRef; delaySeconds: number; free: boolean }[] = [];
  readonly objects = new Map<string, Buffer>([['uploads/a1/u1', Buffer.from('who\nada\nbob\n')]]);
  readonly leases = new LeaseKeeper(
    { renew: async () => new Set<string>() },
    { leaseSeconds: 20, stepSeconds: 600 },
    silentLog,
  );
  input: CopiedInput | undefined;
  part = '';
  gaveUpFor = 0;
  /** How often it was looked up what somebody may do. */
  looks = 0;
  readonly longStages = new Set<BatchClaim['stage']>();
  readonly room = new AloneRoom();
  readonly #runAlone: RunAlone = async ({ stage }) => {
    this.did.push(`${stage} alone`);
    return this.#script.alone!;
  };
  /** With which most bytes each claim of a batch was made. */
  readonly mostBytes: (number | undefined)[] = [];
  uploadBytes: number | undefined;
  /** What becomes of a private copy on its way. */
  changeCopy = (bytes: Buffer): Buffer => bytes;
  /** Called when the objects of a batch are removed. */
  removed: () => Promise<void> = async () => undefined;
  counts: Counts | undefined;
  sessions = 0;
  #stage: Stage | undefined;
  readonly #script: Script;

  constructor(script: Script = {}) {
    this.#script = script;
  }

  async serve(stage: Stage): Promise<void> {
    await serveTicket(this.#engine(), stage);
  }

  #settle(stage: Stage): void {
    this.#script.onSettle?.(this.leases);
    if (this.#script.fault?.at === stage) throw this.#script.fault.error;
    this.did.push(`settle ${stage}`);
  }

  #claim(stage: Stage, known: KnownOperations, batchId: string | undefined): boolean {
    expect(known).toBe(KNOWN);
    this.did.push(batchId === undefined ? `claim ${stage}` : `claim ${stage} of ${batchId}`);
    this.#stage = stage;
    return !this.#script.nothingToClaim;
  }

  #batchClaim(stage: BatchClaim['stage']): BatchClaim {
    return {
      kind: 'batch',
      stage,
      lease: `lease-${stage}`,
      attempts: this.#script.attempts ?? 1,
      crashes: this.#script.crashes ?? 0,
      batchId: BATCH,
      accountId: 'a1',
      accountLimits: {},
      operation: 'greet',
      operationVersion: 1,
      status: STATUS[stage],
      mapping: {},
      customId: null,
      dryRun: false,
      rejected: false,
      resultsFormats: ['ndjson'],
      inputKey: this.input?.inputKey ?? null,
      read: this.input?.read ?? null,
      chunkCount: 1,
      format: UNSTATED,
      conversion: this.input?.conversion ?? null,
      hash: this.input?.hash ?? null,
      total: stage === 'copy' || stage === 'convert' ? null : 2,
      statedHash: null,
      retry: null,
      onDuplicateFile: 'allow',
      uploadId: 'u1',
      uploadKey: 'uploads/a1/u1',
      upload: { bytes: this.uploadBytes ?? this.objects.get('uploads/a1/u1')!.length, etag: '"e"' },
    };
  }

  #chunkClaim(stage: ChunkClaim['stage']): ChunkClaim {
    const phase = stage === 'call' ? 'process' : stage;
    const sick = { code: 'record_too_large', message: 'The record is too large' } as const;
    const alone = { number: 1, firstRecord: 1, records: 1, start: 0, end: 1, sha256: '', fault: sick };
    return {
      kind: 'chunk',
      stage,
      phase,
      lease: `lease-${phase}`,
      attempts: this.#script.attempts ?? 1,
      crashes: this.#script.crashes ?? 0,
      probes: [],
      crashed: [],
      batchId: BATCH,
      accountId: 'a1',
      userName: 'ada',
      principal: { kind: 'user', id: 'u1' },
      operation: 'greet',
      operationVersion: 1,
      settings: {},
      onInvalid: 'reject',
      customId: null,
      repeatedIds: [],
      inputKey: this.input?.inputKey ?? '',
      read: this.input?.read ?? csvDescription({ bom: false, columns: [{ name: 'who', field: 'who' }] }),
      chunkCount: 1,
      range: this.input?.chunks[0] ?? alone,
    };
  }

  #engine(): ServeTicket {
    const never = () => Promise.reject(new Error('not asked for here'));
    const stopping = () => {
      if (this.#script.stopAfter === 'before') return true;
      return this.#script.stopAfter !== undefined && this.did.includes(`settle ${this.#script.stopAfter}`);
    };
    return {
      operations: new OperationRegistry([greet]),
      settings: {
        chunk: { records: 100, bytes: 1 << 20 },
        recordBytes: 1 << 20,
        cellBytes: 1 << 20,
        unpackedBytes: 1 << 30,
        leaseSeconds: 20,
        maxAttempts: MAX_ATTEMPTS,
        maxCrashes: MAX_CRASHES,
        keepSeconds: 60,
        stepSeconds: 600,
        stalledSeconds: 600,
        accountLimits: AMPLE,
      },
      log: silentLog,
      known: KNOWN,
      leases: this.leases,
      longStages: this.longStages,
      ...(this.#script.alone !== undefined && { alone: { room: this.room, run: this.#runAlone } }),
      stopping,
      openScratch: never,
      principals: {
        rightsOf: async (accountId, principal) => {
          expect([accountId, principal]).toEqual(['a1', { kind: 'user', id: 'u1' }]);
          this.looks += 1;
          return this.#script.rights === undefined ? ADMIN_STATEMENTS : this.#script.rights;
        },
      },
      // None of these operations has limits.
      gate: new Gate({
        limits: {} as LimitStore,
        leaseSeconds: 20,
        log: silentLog,
        accounts: { limitSettings: async () => ({}) },
      }),
      queue: {
        enqueue: async (tickets) => void this.tickets.push(...tickets),
        waiting: never,
      },
      objects: {
        presignPut: never,
        presignGet: never,
        head: never,
        read: async (key, { range } = {}) =>
          Readable.from([this.objects.get(key)!.subarray(range?.start, range?.end)]),
        copy: async (from, to) => void this.objects.set(to, this.changeCopy(this.objects.get(from)!)),
        put: async (key, body) => void this.objects.set(key, body),
        putStream: async (key, body) => void this.objects.set(key, await buffer(body)),
        createMultipart: never,
        presignParts: never,
        listParts: never,
        completeMultipart: never,
        abortMultipart: never,
        remove: never,
        bytesOf: async () => 0,
        list: async function* () {},
        unfinished: async function* () {},
        removeListed: never,
        removeAll: async (prefix) => {
          const under = [...this.objects.keys()].filter((key) => key.startsWith(prefix));
          for (const key of under) this.objects.delete(key);
          await this.removed();
          return under.length;
        },
      },
      work: {
        claimBatch: async (stage, known, { batchId, mostBytes, unsuspected } = {}) => {
          this.mostBytes.push(mostBytes);
          if (unsuspected) return null;
          return this.#claim(stage, known, batchId) ? this.#batchClaim(stage) : null;
        },
        openSession: async () => {
          this.sessions += 1;
          return {
            claim: async (stage, known, batchId, { unsuspected } = {}) =>
              !unsuspected && this.#claim(stage, known, batchId) ? this.#chunkClaim(stage) : null,
            adopt: never,
            settleValidation: async () => this.#settle('validate'),
            settleProcessing: async (_, work) => {
              const statements = { sql: never, emit: never };
              const attempt: WorkTransaction['attempt'] = async (run) => ({ done: await run(statements) });
              const outcome = await work({ ...statements, attempt }, []);
              this.#settle('process');
              if ('part' in outcome) this.part = outcome.part;
            },
            journal: never,
            noteStarted: never,
            noteOutcomes: never,
            breakOff: () => undefined,
            release: () => {
              this.sessions -= 1;
            },
          };
        },
        renew: never,
        giveBack: async (lease, options) => {
          this.did.push('give back');
          this.givenBack.push({ lease, ...options });
          return this.#script.held ?? true;
        },
        noteCrash: never,
        rejectHash: never,
        retrySources: never,
        finishCopy: async (_, input) => {
          this.#settle('copy');
          this.input = input;
        },
        finishConversion: async (_, input) => {
          this.#settle('convert');
          this.input = { ...this.input!, ...input, conversion: null };
        },
        finishResults: async (_, { files, counts }) => {
          this.#settle('write_results');
          expect(files.map((file) => file.kind)).toEqual(KINDS);
          this.counts = counts;
        },
        giveUp: async ({ batchId }, { code, message }, { delaySeconds }) => {
          this.did.push('give up');
          if (!(this.#script.held ?? true)) return false;
          this.did.push(`fail ${batchId}: ${code}: ${message}`);
          this.gaveUpFor = delaySeconds;
          return true;
        },
        failExhausted: never,
        failStalled: never,
        advance: async (batchId) => {
          this.did.push(`advance ${batchId}`);
          return this.#script.next?.[this.#stage!] ?? NEXT[this.#stage!];
        },
        callsOut: async () => false,
        chunkLines: async function* (this: World) {
          const none = { validationPart: null, succeeded: 2, failed: 0, invalid: 0 };
          const range = { number: 1, firstRecord: 1, records: 2, start: 4, end: 12, sha256: '' };
          yield { range, repeatedIds: [], part: this.part, ...none };
        }.bind(this),
        reclaimExpired: never,
        exhausted: never,
        stuck: never,
        waitingWork: async () => {
          if (this.#script.away) throw new RetryableFault('the database could not be reached');
          return [one('copy'), one('process')].flat();
        },
        stalled: never,
        startRemovals: never,
        finishRemoval: async () => this.#settle('remove'),
      },
    };
  }
}

describe('a ticket', () => {
  test('of a batch of one chunk: every stage is done in the same visit', async () => {
    const world = new World();
    await world.serve('copy');
    expect(world.did).toEqual([
      'claim copy',
      'settle copy',
      'advance b1',
      'claim validate of b1',
      'settle validate',
      'advance b1',
      'claim process of b1',
      'settle process',
      'advance b1',
      'claim write_results of b1',
      'settle write_results',
      'advance b1',
    ]);
    expect(world.counts).toEqual({ total: 2, succeeded: 2, failed: 0, skipped: 0, unprocessed: 0 });
    expect(world.objects.get(`batches/${BATCH}/results/lease-write_results/all.ndjson`)?.toString()).toBe(
      '{"record":1,"status":"succeeded","output":{"greeting":"hello ada"},"attempts":1}\n' +
        '{"record":2,"status":"succeeded","output":{"greeting":"hello bob"},"attempts":1}\n',
    );
    expect(world.tickets).toEqual([]);
    expect(world.sessions).toBe(0);
  });

  test('of a file that has to be converted: that is done in the same visit, and what was cut is worked on', async () => {
    const world = new World({ next: { copy: one('convert') } });
    world.objects.set('uploads/a1/u1', Buffer.from('\uFEFFwho\nada\nbob\n', 'utf16le'));
    await world.serve('copy');
    expect(world.did.filter((done) => done.startsWith('settle'))).toEqual([
      'settle copy',
      'settle convert',
      'settle validate',
      'settle process',
      'settle write_results',
    ]);
    expect(world.input).toMatchObject({
      inputKey: `batches/${BATCH}/converted/lease-convert`,
      read: { format: 'csv', encoding: 'utf-16le', bom: true },
    });
    expect(world.objects.get(`batches/${BATCH}/converted/lease-convert`)?.toString()).toBe('who\nada\nbob\n');
    expect(world.counts).toEqual({ total: 2, succeeded: 2, failed: 0, skipped: 0, unprocessed: 0 });
  });

  test('a private copy that changes while it is converted is told as that, and not as damage of the file', async () => {
    const world = new World({ next: { copy: one('convert') } });
    world.objects.set('uploads/a1/u1', gzipSync('who\nada\n'));
    const get = world.objects.get.bind(world.objects);
    let reads = 0;
    world.objects.get = (key) => {
      if (key.includes('/input/')) reads += 1;
      if (reads === 2) world.objects.set(key, get(key)!.subarray(0, -6));
      return get(key);
    };
    await world.serve('copy');
    expect(reads).toBeGreaterThan(2);
    expect(world.did).toContainEqual(expect.stringMatching(/^fail b1: input_changed: /));
    expect(world.did).not.toContain('settle convert');
  });

  test('what a private copy that is not what was hashed was converted to does not count', async () => {
    const world = new World({ next: { copy: one('convert') } });
    world.objects.set('uploads/a1/u1', Buffer.from('\uFEFFwho\nada\n', 'utf16le'));
    world.changeCopy = (bytes) => Buffer.concat([bytes, Buffer.from('e\0')]);
    await world.serve('copy');
    expect(world.did).toContainEqual(expect.stringMatching(/^fail b1: input_changed: /));
    expect(world.did).not.toContain('settle convert');
  });

  test('while a long batch is at its stage, others take short ones only', async () => {
    const world = new World({ next: { remove: [] } });
    world.uploadBytes = 1024 ** 3;
    let during: number | undefined;
    const removeAll = world.removed;
    world.removed = async () => {
      world.removed = removeAll;
      const other = world.serve('remove');
      await other;
      during = world.mostBytes.at(-1);
    };
    await world.serve('remove');
    expect(during).toBe(64 * 1024 ** 2);
    await world.serve('remove');
    expect(world.mostBytes).toEqual([undefined, 64 * 1024 ** 2, undefined]);
  });

  test('to remove a batch: its objects go, and then its rows', async () => {
    const world = new World();
    world.objects.set(`batches/${BATCH}/input/l1`, Buffer.from('x'));
    await world.serve('remove');
    expect(world.did).toEqual(['claim remove', 'settle remove', 'advance b1']);
    expect([...world.objects.keys()]).toEqual(['uploads/a1/u1']);
  });

  test('of a batch that goes in order: the next chunk gets a ticket, so that others have their turn', async () => {
    const world = new World({ next: { process: one('process') } });
    await world.serve('process');
    expect(world.did.filter((what) => what.startsWith('claim'))).toEqual(['claim process']);
    expect(world.tickets).toEqual([{ stage: 'process', batchId: BATCH }]);
  });

  test.each<[string, WorkWaiting[], Ticket[]]>([
    ['nothing', [], []],
    [
      'two chunks',
      [{ stage: 'validate', batchId: BATCH, tickets: 2 }],
      [
        { stage: 'validate', batchId: BATCH },
        { stage: 'validate', batchId: BATCH },
      ],
    ],
    [
      'two kinds of work',
      [...one('process'), ...one('write_results')],
      [
        { stage: 'process', batchId: BATCH },
        { stage: 'write_results', batchId: BATCH },
      ],
    ],
  ])('that leaves %s: that is left to the queue', async (_, copy, tickets) => {
    const world = new World({ next: { copy } });
    await world.serve('copy');
    expect(world.did).toEqual(['claim copy', 'settle copy', 'advance b1']);
    expect(world.tickets).toEqual(tickets);
  });

  test.each<Stage>(['copy', 'validate', 'process', 'write_results'])(
    'of %s when nothing waits',
    async (stage) => {
      const world = new World({ nothingToClaim: true });
      await world.serve(stage);
      expect(world.did).toEqual([`claim ${stage}`]);
      expect(world.tickets).toEqual([]);
      expect(world.sessions).toBe(0);
    },
  );
});

describe('a right that is withdrawn', () => {
  test.each<[string, Statement[] | null]>([
    ['nobody any more', null],
    ['a role that allows nothing', []],
    ['a role that denies it', [...ADMIN_STATEMENTS, { effect: 'deny', actions: ['greet'] }]],
    ['a role that allows to make batches alone', [{ effect: 'allow', actions: ['create_batch'] }]],
  ])('%s: the batch fails with the first attempt, and nothing is read', async (_, rights) => {
    const world = new World({ rights, next: { process: [] } });
    await world.serve('process');
    expect(world.did).toEqual([
      'claim process',
      'give up',
      expect.stringMatching(/^fail b1: permission_withdrawn: greet .*\bada\b/),
      'advance b1',
    ]);
    expect([world.looks, world.sessions]).toEqual([1, 0]);
  });

  test('keeps nobody from checking the records', async () => {
    const world = new World({ rights: null, next: { copy: [], validate: [] } });
    await world.serve('copy');
    await world.serve('validate');
    expect(world.did).toContain('settle validate');
    expect(world.looks).toBe(0);
  });
});

describe('a worker that stops', () => {
  test('begins nothing', async () => {
    const world = new World({ stopAfter: 'before' });
    await world.serve('copy');
    expect(world.did).toEqual([]);
    expect(world.tickets).toEqual([]);
  });

  test('finishes what it holds, and leaves a ticket instead of going on', async () => {
    const world = new World({ stopAfter: 'copy' });
    await world.serve('copy');
    expect(world.did).toEqual(['claim copy', 'settle copy', 'advance b1']);
    expect(world.tickets).toEqual([{ stage: 'validate', batchId: BATCH }]);
  });

  test('hands back what it has to drop: no attempt is lost, and a ticket is there at once', async () => {
    // What a request to the store or a statement throws when the signal fires is an AbortError.
    const error = new DOMException('This operation was aborted', 'AbortError');
    const world = new World({
      attempts: MAX_ATTEMPTS,
      fault: { at: 'process', error },
      onSettle: (leases) => leases.abortAll(),
    });
    await world.serve('process');
    expect(world.givenBack).toMatchObject([{ delaySeconds: 0, free: true }]);
    expect(world.did).toEqual(['claim process', 'give back']);
    expect(world.tickets).toEqual([{ stage: 'process', batchId: BATCH }]);
  });
});

describe.each<Stage>(['copy', 'validate', 'process', 'write_results'])('a fault in %s', (at) => {
  /** Serves the stage with a fault, after the stages that it builds on; answers what happened from there on. */
  async function faulty(error: unknown, script: Omit<Script, 'fault'> = {}) {
    const world = new World({
      next: { copy: [], validate: [], process: [] },
      ...script,
      fault: { at, error },
    });
    if (at === 'write_results') await world.serve('copy').then(() => world.serve('process'));
    world.did.length = 0;
    await world.serve(at);
    expect(world.sessions).toBe(0);
    return world;
  }
  const broken = new PermanentFault('input_changed', 'the input is another');
  const lease =
    at === 'copy' || at === 'write_results'
      ? { kind: 'batch', batchId: BATCH, lease: `lease-${at}` }
      : { kind: 'chunk', batchId: BATCH, number: 1, lease: `lease-${at}` };

  test('permanent: the batch is failed; should it be one that cannot fail, it is tried again after a while', async () => {
    const { did, givenBack, gaveUpFor } = await faulty(broken);
    expect(did).toEqual([
      `claim ${at}`,
      'give up',
      'fail b1: input_changed: the input is another',
      'advance b1',
    ]);
    expect(givenBack).toEqual([]);
    expect(gaveUpFor).toBeGreaterThan(0);
  });

  test.each([
    ['permanent', broken],
    ['passing', new RetryableFault('the database went away')],
    ['free', new RetryableFault('deadlock', { free: true })],
    ['unknown', new TypeError('x is not a function')],
    ['a lost lease', new LeaseLost('it')],
  ])('%s, but the lease is not held any more: only moved on', async (_, error: unknown) => {
    const script = { held: false, attempts: MAX_ATTEMPTS, next: { copy: [], validate: [], process: [] } };
    const { did, tickets } = await faulty(error, script);
    const free = error instanceof LeaseLost || (error instanceof RetryableFault && error.free);
    expect(did).toEqual([`claim ${at}`, free ? 'give back' : 'give up', 'advance b1']);
    expect(tickets).toEqual([]);
  });

  test.each([
    ['a deadlock', new RetryableFault('deadlock', { free: true })],
    ['a lease that was let go', new LeaseLost('it')],
  ])('free, as %s: costs no attempt, no time, and gets a ticket', async (_, error) => {
    const { did, givenBack, tickets } = await faulty(error, { attempts: 100 });
    expect(did).toEqual([`claim ${at}`, 'give back']);
    expect(givenBack).toEqual([{ lease, delaySeconds: 0, free: true }]);
    expect(tickets).toEqual([{ stage: at, batchId: BATCH }]);
  });

  test.each([
    ['passing', new RetryableFault('the object store answered 503')],
    ['unknown', new TypeError('x is not a function')],
  ])('%s: tried again after a while, without a ticket', async (_, error) => {
    const { did, givenBack, tickets } = await faulty(error, { attempts: MAX_ATTEMPTS - 1 });
    expect(did).toEqual([`claim ${at}`, 'give back']);
    expect(givenBack).toMatchObject([{ lease, free: false }]);
    // The second attempt: one to two seconds.
    expect(givenBack[0]?.delaySeconds).toBeGreaterThanOrEqual(1);
    expect(givenBack[0]?.delaySeconds).toBeLessThanOrEqual(2);
    expect(tickets).toEqual([]);
  });

  test.each([
    [new RetryableFault('the object store answered 503'), 'the object store answered 503'],
    [new TypeError('secret is not a function'), 'an unexpected error, see the log'],
    ['thrown text', 'an unexpected error, see the log'],
  ])('%s with the last attempt: the batch is failed', async (error, why) => {
    const { did } = await faulty(error, { attempts: MAX_ATTEMPTS });
    const what = lease.kind === 'chunk' ? 'chunk 1' : `the step ${at}`;
    expect(did.slice(1, 3)).toEqual([
      'give up',
      `fail b1: retries_exhausted: ${what} failed ${MAX_ATTEMPTS} times: ${why}`,
    ]);
    expect(did[3]).toBe('advance b1');
  });
});

describe.each<[Stage, string]>([
  ['copy', 'the step copy'],
  ['process', 'chunk 1'],
])('in %s, work whose worker was gone', (stage, what) => {
  const crashes = MAX_CRASHES;

  test('once less than it may is done', async () => {
    const world = new World({ crashes: crashes - 1 });
    await world.serve(stage);
    expect(world.did).toContain(`settle ${stage}`);
  });

  test('as often as it may goes round no more: the batch is failed', async () => {
    const world = new World({ crashes });
    await world.serve(stage);
    const why = `${what} was begun, and its worker was gone before it had ended, ${crashes} times`;
    expect(world.did.slice(1, 3)).toEqual(['give up', `fail b1: retries_exhausted: ${why}`]);
    expect(world.did).not.toContain(`settle ${stage}`);
  });
});

describe.each<Stage>(['copy', 'process'])('in %s, work that lost its worker', (stage) => {
  const suspect = { crashes: 1, alone: { paused: null } as const, next: { [stage]: [] } };

  test('is done in a process of its own, and leaves room for the next', async () => {
    const world = new World(suspect);
    await world.serve(stage);
    expect(world.did).toEqual([`claim ${stage}`, `${stage} alone`, 'advance b1']);
    expect(world.room.take(stage)).toBe(true);
  });

  test('is left alone while another one runs so, whose end has a ticket written for it', async () => {
    const world = new World(suspect);
    world.room.take(stage);
    await world.serve(stage);
    expect(world.did).toEqual([]);
    world.room.leave(stage);
    world.room.missed(stage);
    await world.serve(stage);
    expect(world.did).toEqual([`claim ${stage}`, `${stage} alone`, 'advance b1']);
    expect(world.tickets).toEqual([{ stage, batchId: BATCH }]);
  });

  test('that did not is done here', async () => {
    const world = new World({ ...suspect, crashes: 0 });
    await world.serve(stage);
    expect(world.did).toContain(`settle ${stage}`);
    expect(world.room.take(stage)).toBe(true);
  });

  test('is not lost, claimed as it is, when no ticket can be written for what found no room meanwhile', async () => {
    for (const crashes of [0, 1]) {
      const world = new World({ ...suspect, crashes, away: true });
      world.room.missed(stage);
      await world.serve(stage);
      expect(world.did.slice(-2)).toEqual([
        crashes === 0 ? `settle ${stage}` : `${stage} alone`,
        'advance b1',
      ]);
      expect(world.room.take(stage)).toBe(true);
    }
  });
});

test('what a fault leaves to do next is done in the same visit', async () => {
  const lost = { at: 'validate' as const, error: new LeaseLost('it') };
  const world = new World({ held: false, fault: lost, nothingToClaim: false, next: { process: [] } });
  await world.serve('validate');
  expect(world.did).toEqual([
    'claim validate',
    'give back',
    'advance b1',
    'claim process of b1',
    'settle process',
    'advance b1',
  ]);
});
