import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HttpClient } from '../../src/adapters/http-client/client.ts';
import type { SendRequest } from '../../src/core/http.ts';
import type { ResultLine } from '../../src/core/result.ts';
import { httpOperation } from '../../src/operations/http/operation.ts';
import { type HostileCrm, hostileCrm, WAYS, type Way } from '../support/hostile-crm.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/** A whole batch against a server that does everything wrong, by two sets of workers. */

const RECORDS = 400;
const CONCURRENCY = 20;
const SLOW: readonly Way[] = ['told to wait', 'told to wait until', 'gone with 503 first'];
const QUICK = WAYS.filter((way) => !SLOW.includes(way));

/** Those after which everybody has to wait are few. */
function wayOf(id: string): Way {
  const number = Number(id.split(' ')[1]);
  return number % 40 === 0 ? SLOW[(number / 40) % SLOW.length]! : QUICK[number % QUICK.length]!;
}

const FAILURES: Partial<Record<Way, string>> = {
  redirected: 'http_redirected',
  refused: 'http_rejected',
  exists: 'contact_exists',
  'no JSON': 'response_malformed',
  bomb: 'response_too_large',
  'without end': 'response_too_large',
};
/** What took effect though the record failed, as its message says. */
const IN_EFFECT: readonly Way[] = ['no JSON', 'bomb', 'without end'];

function definition(origin: string) {
  return {
    name: 'create_contact',
    version: 1,
    title: 'Create contacts',
    description: 'Creates a contact in the CRM.',
    input: { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] },
    output: { type: 'object', properties: { contact: { type: 'string' } }, required: ['contact'] },
    request: {
      method: 'PUT',
      url: `${origin}/contacts/{{record.id}}`,
      body: { json: { id: '{{record.id}}' } },
    },
    response: { output: { contact: 'id' }, max_bytes: 1_000_000 },
    failure: [{ when: { status: 409 }, code: 'contact_exists', message: 'the CRM has it', field: 'id' }],
    allow_private: ['127.0.0.1'],
    timeout_seconds: 5,
    attempts: 20,
    concurrency: CONCURRENCY,
    chunk_records: 50,
    breaker: { failures: 30, seconds: 1 },
  };
}

describe('an HTTP operation', () => {
  const ids = Array.from({ length: RECORDS }, (_, n) => `no/${'ü'.repeat(n % 3)} ${n + 1}`);
  const client = new HttpClient();
  let crm: HostileCrm;
  let sheaf: TestSheaf;
  let lines: ResultLine[];
  let out = 0;
  let mostOut = 0;

  beforeAll(async () => {
    crm = await hostileCrm(wayOf);
    const send: SendRequest = async (request, signal) => {
      out += 1;
      mostOut = Math.max(mostOut, out);
      return await client.send(request, signal).finally(() => {
        out -= 1;
      });
    };
    const operation = httpOperation(definition(crm.origin), { send, secret: () => undefined });
    sheaf = await openTestSheaf({}, { operations: [operation] });
    await Promise.all([sheaf.startWorkers(), sheaf.startWorkersApart()]);
    const batch = await sheaf.run(`${ids.map((id) => JSON.stringify({ id })).join('\n')}\n`, {
      operation: 'create_contact',
      on_invalid: 'skip',
    });
    expect(batch).toMatchObject({
      status: 'completed',
      counts: { total: RECORDS, unprocessed: 0, skipped: 0 },
    });
    lines = await sheaf.lines(batch);
  }, 300_000);

  afterAll(async () => {
    await sheaf?.close();
    await client.close();
    await crm?.close();
  });

  test('every record ends with one right result', () => {
    expect(lines.map(({ record }) => record)).toEqual(ids.map((_, n) => n + 1));
    const told = lines.map((line) => {
      if (line.status === 'succeeded') return line.output;
      return line.status === 'failed' ? line.error.code : line.status;
    });
    expect(told).toEqual(ids.map((id) => FAILURES[wayOf(id)] ?? { contact: `crm-${id}` }));
  });

  test('the server saw one key for each record, and each succeed once', () => {
    expect([...crm.keys.keys()].sort()).toEqual([...ids].sort());
    const all = ids.flatMap((id) => [...crm.keys.get(id)!]);
    expect(all).toHaveLength(RECORDS);
    expect(new Set(all).size).toBe(RECORDS);
    for (const key of all) expect(key).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-/);
    const inEffect = ids.filter((id) => FAILURES[wayOf(id)] === undefined || IN_EFFECT.includes(wayOf(id)));
    expect(Object.fromEntries(crm.effects)).toEqual(Object.fromEntries(inEffect.map((id) => [id, 1])));
    expect(crm.strange).toEqual([]);
  });

  test('no more requests were out at once than the operation allows', () => {
    expect(mostOut).toBeGreaterThan(1);
    expect(mostOut).toBeLessThanOrEqual(CONCURRENCY);
  });

  test('what answered the first time was asked once, the rest again', () => {
    const final: readonly Way[] = ['good', ...(Object.keys(FAILURES) as Way[])];
    for (const [index, id] of ids.entries()) {
      const line = lines[index]!;
      const attempts = 'attempts' in line ? line.attempts : 0;
      if (final.includes(wayOf(id))) expect([id, attempts, crm.attempts.get(id)]).toEqual([id, 1, 1]);
      else expect([id, attempts >= 2, crm.attempts.get(id)! >= 2]).toEqual([id, true, true]);
    }
  });
});
