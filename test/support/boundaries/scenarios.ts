import { randomUUID } from 'node:crypto';
import type { BatchRequest } from '../../../src/engine/batch-request.ts';
import { changeBatch } from '../../../src/engine/change-batch.ts';
import { deleteBatch } from '../../../src/engine/delete-batch.ts';
import { fingerprintOf, onceUnderKey } from '../../../src/engine/idempotency.ts';
import type { BatchRow, KeepAnswer } from '../../../src/engine/ports/request-stores.ts';
import { retryBatch } from '../../../src/engine/retry-batch.ts';
import { submitBatch } from '../../../src/engine/submit-batch.ts';
import { workbook } from '../batch-results.ts';
import { letResultsExpire } from '../model/clock.ts';
import { TOO_LONG } from '../model/operation.ts';
import type { TestSheaf } from '../sheaf.ts';
import { DEADLY } from './deadly.ts';
import type { Engines } from './mortal-process.ts';

/** A process that does not die, which gets everything ready and does the rest. */
export interface Survivor {
  sheaf: TestSheaf;
  /** Makes a batch and works on it until something is reached; its end, if nothing is said. */
  run(
    body: string | Buffer,
    request: Partial<BatchRequest>,
    until?: (id: string) => Promise<boolean>,
  ): Promise<string>;
}

/** Something that a client asks for, and may ask again when it hears nothing: it answers which batch it is about. */
export type Ask = (engine: Engines['requests']) => Promise<string>;

export interface Scenario {
  name: string;
  /** What is there before; whatever a scenario needs is made anew for each of its runs. */
  prepare(survivor: Survivor): Promise<Ask>;
  /** Whether it is at its end, which is elsewhere than where the result files are written. */
  ended?: (sheaf: TestSheaf, id: string) => Promise<boolean>;
}

/** Two chunks of three: a record that is refused, one that is invalid, and one whose `ref` another one has. */
const ROWS = [
  ['r1', 'a'],
  ['bad', 'b'],
  ['r3', 'c'],
  [TOO_LONG, 'd'],
  ['r5', 'e'],
  ['r6', 'a'],
];
const HEADER = ['id', 'ref'];
const csvOf = (rows: readonly (readonly string[])[]) => `${rows.map((row) => row.join(',')).join('\n')}\n`;
const CSV = csvOf([HEADER, ...ROWS]);

/** Made once, as it tells when that was. */
const WORKBOOK = workbook('Rows', [HEADER, ...ROWS]);

const OPTIONS = {
  operation: 'note',
  on_invalid: 'skip',
  custom_id: 'ref',
  results_format: ['ndjson', 'csv'],
} as const satisfies Partial<BatchRequest>;

export const SCENARIOS: readonly Scenario[] = [
  { name: 'a batch of two chunks', prepare: (survivor) => submitted(survivor, CSV) },
  {
    name: 'a batch of one chunk',
    prepare: (survivor) => submitted(survivor, csvOf([HEADER, ...ROWS.slice(0, 3)])),
  },
  {
    name: 'a workbook, which is converted',
    prepare: async (survivor) => await submitted(survivor, await WORKBOOK),
  },
  {
    name: 'calls to somebody else',
    prepare: (survivor) => submitted(survivor, CSV, { operation: 'send' }),
  },
  {
    name: 'records in the order of the file',
    prepare: (survivor) => submitted(survivor, CSV, { execution: 'serial' }),
  },
  {
    name: 'a record that ends its process',
    prepare: (survivor) => suspect(survivor, { operation: 'note' }),
  },
  {
    name: 'a call that ends its process',
    prepare: (survivor) => suspect(survivor, { operation: 'send' }),
  },
  {
    name: 'a cancel in the middle',
    async prepare({ run, sheaf }) {
      const id = await run(CSV, { ...OPTIONS, execution: 'serial' }, firstChunkDone(sheaf));
      return async (engine) => (await changeBatch(engine, sheaf.caller, id, { status: 'cancel' })).id;
    },
  },
  {
    name: 'a batch that goes on after its failure limit',
    async prepare({ run, sheaf }) {
      const id = await run(CSV, { ...OPTIONS, execution: 'serial', stop_after: { failures: 3 } });
      return async (engine) => {
        const batch = await engine.batches.find(id);
        if (batch?.status !== 'failed') return id;
        return (await changeBatch(engine, sheaf.caller, id, { status: 'resume', stop_after: null })).id;
      };
    },
  },
  {
    name: 'a retry of what was not processed',
    async prepare({ run, sheaf }) {
      const parent = await run(CSV, { ...OPTIONS, on_invalid: 'reject' });
      return asked((engine, keep) =>
        retryBatch(engine, sheaf.caller, parent, { records: 'both', on_invalid: 'skip' }, keep),
      );
    },
  },
  {
    name: 'a file that was corrected',
    async prepare({ run, sheaf }) {
      const parent = await run(CSV, OPTIONS);
      const rows = [
        ['_record', ...HEADER],
        ['2', 'r2', 'b'],
        ['1', 'r1', 'a'],
        ['4', 'r4', 'd'],
        ['6', 'bad', 'f'],
      ];
      const handler = await sheaf.upload(csvOf(rows));
      return asked((engine, keep) => retryBatch(engine, sheaf.caller, parent, { handler }, keep));
    },
  },
  {
    name: 'a batch that is deleted',
    async prepare({ run }) {
      const id = await run(CSV, OPTIONS);
      return async (engine) => {
        await deleteBatch(engine, id);
        return id;
      };
    },
    ended: async ({ sql }, id) => (await sql`select from batches where id = ${id}`).length === 0,
  },
  {
    name: 'a batch whose time is over',
    async prepare({ run, sheaf }) {
      const id = await run(CSV, OPTIONS);
      await letResultsExpire(sheaf.sql, id);
      return async () => id;
    },
    ended: async ({ sql }, id) =>
      (await sql`select from batches where id = ${id} and expired_at is not null`).length === 1,
  },
];

async function submitted(
  { sheaf }: Survivor,
  body: string | Buffer,
  request: Partial<BatchRequest> = {},
): Promise<Ask> {
  const handler = await sheaf.upload(body);
  const whole = { ...OPTIONS, ...request, handler };
  return asked((engine, keep) => submitBatch(engine, sheaf.caller, whole, keep));
}

/** A batch whose chunks have lost their workers once, while they were processed. */
async function suspect({ run, sheaf }: Survivor, request: Partial<BatchRequest>): Promise<Ask> {
  const rows = [...ROWS.slice(0, 3), ['r4', 'd'], [DEADLY, 'e'], ['r6', 'f']];
  const id = await run(csvOf([HEADER, ...rows]), { ...OPTIONS, ...request }, isProcessing(sheaf));
  await sheaf.sql`update chunks set crashes = 1 where batch_id = ${id}`;
  return async () => id;
}

/** A request that makes a batch, with an `Idempotency-Key` of its own. */
function asked(make: (engine: Engines['requests'], keep?: KeepAnswer<BatchRow>) => Promise<BatchRow>): Ask {
  const request = { route: 'test', key: randomUUID(), fingerprint: fingerprintOf(null) };
  const answer = ({ id }: BatchRow) => ({ status: 201, headers: {}, body: id });
  return async (engine) => {
    const given = await onceUnderKey(engine.idempotency, request, answer, (keep) => make(engine, keep));
    return String(given.answer.body);
  };
}

const isProcessing = (sheaf: TestSheaf) => async (id: string) =>
  (await sheaf.account.batches.find(id))?.status === 'processing';

const firstChunkDone = (sheaf: TestSheaf) => async (id: string) => {
  const done = await sheaf.sql`select from chunks where batch_id = ${id} and part is not null`;
  return done.length > 0;
};
