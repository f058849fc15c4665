import { createHash } from 'node:crypto';
import { access, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Batch, BatchPage } from '../../src/api/schemas/batch.ts';
import type { Problem } from '../../src/api/schemas/problem.ts';
import type { ResultFiles } from '../../src/api/schemas/results.ts';
import type { UploadTicket } from '../../src/api/schemas/upload.ts';
import { type SheafProcess, startSheafProcess } from '../support/sheaf-process.ts';

/** `npm start` as a user meets it: over HTTP and at the command line. */

let directory: string;
let data: string;
let sheaf: SheafProcess;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sheaf-start-'));
  data = join(directory, 'data');
  sheaf = await startSheafProcess(data);
});
afterAll(async () => {
  await sheaf.stop();
  await rm(directory, { recursive: true, force: true });
});

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

async function api<Body>(method: string, path: string, body?: unknown) {
  const response = await fetch(`${sheaf.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${sheaf.key}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Body };
}

describe('a batch over HTTP, with nothing but fetch', () => {
  const csv = 'learner_id,email,score\nada,ada@example.org,99.5\ngrace,grace@example.org,100\n';

  it('goes from the upload URL to result files that can be downloaded and checked', async () => {
    const upload = await api<UploadTicket>('POST', '/uploads', {
      filename: 'two.csv',
      size: csv.length,
      hash: sha256(csv),
    });
    expect(upload.status).toBe(201);
    const { url, method, headers, handler } = upload.body;
    const put = await fetch(url, { method, headers, body: csv });
    expect(put.status).toBe(200);

    const created = await api<Batch>('POST', '/batches', {
      handler,
      operation: 'create_learner',
      hash: sha256(csv),
      metadata: { source: 'acceptance', tags: ['a', 1, null] },
    });
    expect(created.status).toBe(201);
    expect(created.body).toMatchObject({
      operation: 'create_learner',
      hash: sha256(csv),
      metadata: { source: 'acceptance', tags: ['a', 1, null] },
    });

    const id = created.body.batch;
    let batch = await api<Batch>('GET', `/batches/${id}`);
    while (!batch.body.results_ready) {
      expect(batch.headers.get('retry-after')).toMatch(/^[1-5]$/);
      batch = await api<Batch>('GET', `/batches/${id}`);
    }
    expect(batch.headers.get('retry-after')).toBeNull();
    expect(batch.body).toMatchObject({
      status: 'completed',
      counts: { total: 2, succeeded: 2, failed: 0, skipped: 0, unprocessed: 0 },
    });

    const { body: results } = await api<ResultFiles>('GET', `/batches/${id}/results`);
    const all = results.files.find((file) => file.kind === 'all');
    const text = await (await fetch(all!.url)).text();
    expect(sha256(text)).toBe(all?.sha256);
    expect(
      text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { record: 1, status: 'succeeded', output: { learner_id: 'ada', action: 'created' }, attempts: 1 },
      { record: 2, status: 'succeeded', output: { learner_id: 'grace', action: 'created' }, attempts: 1 },
    ]);
    const manifest = results.files.find((file) => file.kind === 'manifest');
    const told = (await (await fetch(manifest!.url)).json()) as ResultFiles;
    expect(told.files.find((file) => file.kind === 'all')?.sha256).toBe(all?.sha256);

    const list = await api<BatchPage>('GET', '/batches?limit=1');
    expect(list.body.items[0]?.batch).toBe(id);
  });

  it('refuses bytes other than those stated, and a batch of an upload that has none', async () => {
    const { body: ticket } = await api<UploadTicket>('POST', '/uploads', {
      size: csv.length,
      hash: sha256(csv),
    });
    const other = csv.replace('ada', 'eve');
    const put = await fetch(ticket.url, { method: 'PUT', headers: ticket.headers, body: other });
    expect(put.status).toBe(400);
    const refused = await api<Problem>('POST', '/batches', {
      handler: ticket.handler,
      operation: 'create_learner',
    });
    expect(refused).toMatchObject({ status: 409, body: { code: 'upload_missing' } });
    expect(refused.headers.get('content-type')).toContain('application/problem+json');
  });

  it('refuses options that are not there, each by its place', async () => {
    const { body: ticket } = await api<UploadTicket>('POST', '/uploads');
    const refused = await api<Problem>('POST', '/batches', {
      handler: ticket.handler,
      operation: 'create_learner',
      dryRun: true,
      priorities: 1,
    });
    expect(refused.status).toBe(422);
    expect(refused.body.errors?.map((error) => [error.pointer, error.code])).toEqual([
      ['/dryRun', 'unknown_field'],
      ['/priorities', 'unknown_field'],
    ]);
  });

  it('asks for the key', async () => {
    const response = await fetch(`${sheaf.url}/batches`);
    expect(response.status).toBe(401);
    expect(((await response.json()) as Problem).code).toBe('unauthenticated');
  });
});

describe('the program', () => {
  it('tells what runs in services.json, which only its owner may read, and keeps its key so too', async () => {
    const services = JSON.parse(await readFile(join(data, 'services.json'), 'utf8'));
    expect(services).toMatchObject({ pid: sheaf.child.pid, api: sheaf.url });
    for (const file of ['services.json', 'admin-key']) {
      expect((await stat(join(data, file))).mode & 0o777).toBe(0o600);
    }
  });

  it('refuses a second start on the same directory', async () => {
    await expect(startSheafProcess(data)).rejects.toThrow(new RegExp(`${sheaf.child.pid}`));
  });

  it('refuses a port that is taken, naming the setting', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as { port: number };
    const elsewhere = join(directory, 'elsewhere');
    await expect(startSheafProcess(elsewhere, { SHEAF_PORT: String(port) })).rejects.toThrow(
      `port ${port} is taken: stop what uses it, or set SHEAF_PORT`,
    );
    taken.close();
  });

  it('refuses to start with wrong settings, and names every one', async () => {
    const wrong = startSheafProcess(join(directory, 'wrong'), {
      SHEAF_LEASE_SECONDS: 'soon',
      SHEAF_LEASES: '1',
    });
    await expect(wrong).rejects.toThrow(
      /SHEAF_LEASE_SECONDS must be a whole number[\s\S]*SHEAF_LEASES is not a setting/,
    );
  });

  it('refuses to start with operations that are wrong, and says what to change', async () => {
    const file = join(directory, 'wrong-operation.ts');
    await writeFile(
      file,
      `import { defineOperation } from 'sheaf';\nexport default defineOperation({ name: 'No' });\n`,
    );
    const refused = startSheafProcess(join(directory, 'wrong-operations'), {
      SHEAF_OPERATIONS: `${file}, ./not-there.ts`,
    });
    await expect(refused).rejects.toThrow(
      /SHEAF_OPERATIONS names are wrong:\n {2}\.\/not-there\.ts: there is no such file[^\n]*\n {2}\S*wrong-operation\.ts: operation "No": the name must match/,
    );
    await expect(access(join(directory, 'wrong-operations'))).rejects.toThrow('ENOENT');
  });

  it('serves the operation of docs/operations.md, singly and in bulk', async () => {
    const page = await readFile(new URL('../../docs/operations.md', import.meta.url), 'utf8');
    const code = /<!-- example: gift-cards\.ts -->\n```ts\n([\s\S]*?)\n```/.exec(page)?.[1] ?? '';
    await writeFile(join(directory, 'gift-cards.ts'), code);
    const other = await startSheafProcess(join(directory, 'with-operations'), {
      SHEAF_OPERATIONS: join(directory, 'gift-cards.ts'),
    });
    const call = async (operation: string, record: object) => {
      const response = await fetch(`${other.url}/operations/${operation}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${other.key}`, 'content-type': 'application/json' },
        body: JSON.stringify(record),
      });
      const body = (await response.json()) as { status: unknown; code?: string };
      return body.code ?? body.status;
    };
    const card = { code: 'SPRING26', learner_id: 'ada', amount: 25 };
    expect(await call('issue_gift_card', card)).toBe('learner_not_found');
    expect(await call('create_learner', { learner_id: 'ada' })).toBe('succeeded');
    expect(await call('issue_gift_card', card)).toBe('succeeded');
    expect(await call('issue_gift_card', card)).toBe('code_taken');
    expect(await call('issue_gift_card?most=10', { ...card, code: 'SPRING27' })).toBe('amount_too_large');

    const rows = [
      'NEW01,ada,5',
      'SPRING26,ada,5',
      'NEW02,ada,0',
      'NEW03,ada,7.50',
      'NEW01,ada,9',
      'NEW04,eve,1',
    ];
    const file = `code,learner_id,amount\n${rows.join('\n')}\n`;
    const { handler, url, headers } = await other.client.createUpload({ filename: 'cards.csv' });
    await fetch(url, { method: 'PUT', headers, body: file });
    const { batch } = await other.client.createBatch({ handler, operation: 'issue_gift_card' });
    let looked = await other.client.getBatch(batch);
    while (!looked.results_ready) looked = await other.client.getBatch(batch);
    expect(looked.counts).toMatchObject({ succeeded: 2, failed: 4 });
    expect(looked.error_codes).toEqual({ code_taken: 2, amount_not_positive: 1, learner_not_found: 1 });
    expect(await other.stop()).toBe(0);
  });

  it('prints its key at the first start only, stops in order on SIGTERM, and finds its data again', async () => {
    expect(sheaf.output()).toContain(sheaf.key);
    const { body: before } = await api<BatchPage>('GET', '/batches');
    expect(before.items.length).toBeGreaterThan(0);

    expect(await sheaf.stop()).toBe(0);
    await expect(access(join(data, 'services.json'))).rejects.toThrow('ENOENT');
    sheaf = await startSheafProcess(data);

    expect(sheaf.output()).not.toContain(sheaf.key);
    const { body: after } = await api<BatchPage>('GET', '/batches');
    expect(after.items.map((batch) => batch.batch)).toEqual(before.items.map((batch) => batch.batch));
    const { body: results } = await api<ResultFiles>('GET', `/batches/${after.items.at(-1)?.batch}/results`);
    expect((await fetch(results.files[0]!.url)).status).toBe(200);
  });

  it('stops in order on SIGINT too', async () => {
    const other = await startSheafProcess(join(directory, 'other'));
    expect(await other.stop('SIGINT')).toBe(0);
  });
});
