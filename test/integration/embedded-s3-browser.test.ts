import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { GetObjectCommand, PutObjectCommand, type PutObjectCommandInput } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser } from '../support/browser.ts';
import { required } from '../support/requirements.ts';
import { startTestS3, type TestS3 } from '../support/s3-server.ts';

/* A real browser as the client: a page of one origin, presigned URLs of another, and CORS between them. */

const browserPath = required('TEST_CHROMIUM');

/** What a page's `fetch` came to; a refusal by CORS has no status. */
interface Fetched {
  status?: number;
  etag?: string | null;
  checksum?: string | null;
  text?: string;
}

describe.skipIf(browserPath.missing)(`a page in a browser${browserPath.reason}`, () => {
  const sites: Server[] = [];
  let s3: TestS3;
  let browser: Browser;
  let own: Page;
  let foreign: Page;
  let Bucket: string;

  /** An origin with nothing on it. */
  async function site(): Promise<string> {
    const server = createServer((_, response) =>
      response.setHeader('content-type', 'text/html').end('<p>page'),
    );
    sites.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  beforeAll(async () => {
    const [allowed, other] = [await site(), await site()];
    s3 = await startTestS3({ corsOrigins: [allowed] });
    Bucket = await s3.bucket();
    browser = await openBrowser(browserPath.value());
    [own, foreign] = [await browser.newPage(), await browser.newPage()];
    await own.goto(allowed);
    await foreign.goto(other);
  });
  afterAll(async () => {
    await browser?.close();
    await s3?.stop();
    for (const server of sites) server.close();
  });

  const fetchIn = (
    page: Page,
    url: string,
    init: { method?: string; body?: string; headers?: object } = {},
  ) =>
    page.evaluate(
      async ([target, options]): Promise<Fetched> => {
        try {
          const answer = await fetch(target as string, options as RequestInit);
          const { headers, status } = answer;
          const [etag, checksum] = [headers.get('etag'), headers.get('x-amz-checksum-sha256')];
          return { status, etag, checksum, text: await answer.text() };
        } catch {
          return {};
        }
      },
      [url, init],
    );
  const hash = createHash('sha256').update('from a page').digest('base64');
  const etag = `"${createHash('md5').update('from a page').digest('hex')}"`;
  const presign = async (Key: string, more: Partial<PutObjectCommandInput> = {}): Promise<string> => {
    const signer = s3.newClient({ requestChecksumCalculation: 'WHEN_REQUIRED' });
    return getSignedUrl(signer, new PutObjectCommand({ Bucket, Key, ...more }), {
      signableHeaders: new Set(['host', 'content-length']),
      unhoistableHeaders: new Set(['x-amz-checksum-sha256']),
    });
  };

  it('PUTs to a presigned URL, with the size and checksum that it binds, and reads the ETag', async () => {
    const plain = await fetchIn(own, await presign('plain'), { method: 'PUT', body: 'from a page' });
    expect(plain).toMatchObject({ status: 200, etag });
    const url = await presign('bound', { ContentLength: 11, ChecksumSHA256: hash });
    const headers = { 'x-amz-checksum-sha256': hash };
    const put = (body: string) => fetchIn(own, url, { method: 'PUT', body, headers });
    expect(await put('FROM A PAGE')).toMatchObject({
      status: 400,
      text: expect.stringContaining('<Code>BadDigest<'),
    });
    expect(await put('from a page!')).toMatchObject({
      status: 403,
      text: expect.stringContaining('<Code>SignatureDoesNotMatch<'),
    });
    expect(await put('from a page')).toMatchObject({ status: 200, etag, checksum: hash });
    const get = await getSignedUrl(s3.client, new GetObjectCommand({ Bucket, Key: 'bound' }));
    expect(await fetchIn(own, get)).toMatchObject({ status: 200, text: 'from a page' });
  });

  it('of another origin is let do nothing that needs asking, and reads nothing', async () => {
    const url = await presign('foreign');
    expect(await fetchIn(foreign, url, { method: 'PUT', body: 'from a page' })).toEqual({});
    const get = await getSignedUrl(s3.client, new GetObjectCommand({ Bucket, Key: 'foreign' }));
    expect((await fetch(get)).status).toBe(404);
    const bound = await getSignedUrl(s3.client, new GetObjectCommand({ Bucket, Key: 'bound' }));
    expect(await fetchIn(foreign, bound)).toEqual({});
  });
});
