import { createHash } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { describe, expect, it } from 'vitest';
import { s3OfFile } from '../support/s3-of-file.ts';
import { CREDENTIALS, REGION } from '../support/s3-server.ts';
import {
  hmac,
  keyFor,
  presigned,
  putRequest,
  type RawRequest,
  send,
  sha256,
  signed,
  timestampOf,
} from '../support/s3-signing.ts';

const MINUTE = 60_000;
let bucket: string;
let endpoint: string;

s3OfFile(
  (made) => {
    ({ endpoint, Bucket: bucket } = made);
  },
  { corsOrigins: ['https://app.example'] },
);

const put = (key: string, body?: string, headers?: Record<string, string>) =>
  putRequest(`/${bucket}/${key}`, body, headers);
const exists = async (key: string): Promise<boolean> =>
  (await send(endpoint, signed(endpoint, { method: 'HEAD', path: `/${bucket}/${key}` }))).status === 200;

describe('a signature in the Authorization header', () => {
  it('is accepted when right', async () => {
    expect(await send(endpoint, signed(endpoint, put('right')))).toMatchObject({ status: 200 });
    expect(await exists('right')).toBe(true);
  });

  const tampered: Array<[string, (request: RawRequest) => RawRequest, string]> = [
    [
      'another key',
      (request) => ({ ...request, path: `/${bucket}/tampered-other` }),
      'SignatureDoesNotMatch',
    ],
    [
      'another method',
      (request) => ({ ...request, method: 'POST', query: 'uploads=' }),
      'SignatureDoesNotMatch',
    ],
    ['another query', (request) => ({ ...request, query: 'x-id=Other' }), 'SignatureDoesNotMatch'],
    ['another body', (request) => ({ ...request, body: 'CONTENT' }), 'XAmzContentSHA256Mismatch'],
    [
      'another signed header',
      (request) => ({ ...request, headers: { ...request.headers, 'x-amz-meta-role': 'admin' } }),
      'SignatureDoesNotMatch',
    ],
    [
      'an unsigned x-amz- header',
      (request) => ({ ...request, headers: { ...request.headers, 'x-amz-meta-extra': '1' } }),
      'AccessDenied',
    ],
    [
      'another hash',
      (request) => ({
        ...request,
        headers: { ...request.headers, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
      }),
      'SignatureDoesNotMatch',
    ],
    [
      'another length',
      (request) => ({ ...request, headers: { ...request.headers, 'content-length': '3' }, body: 'con' }),
      'SignatureDoesNotMatch',
    ],
    [
      'a signed header left out',
      (request) => ({ ...request, headers: without(request.headers, 'x-amz-meta-role') }),
      'SignatureDoesNotMatch',
    ],
    [
      'another host',
      (request) => ({ ...request, headers: { ...request.headers, host: 'elsewhere' } }),
      'SignatureDoesNotMatch',
    ],
  ];
  it.each(tampered)('is refused with %s', async (_, change, code) => {
    const request = signed(endpoint, put('tampered', 'content', { 'x-amz-meta-role': 'user' }));
    expect(await send(endpoint, request)).toMatchObject({ status: 200 });
    const fresh = signed(endpoint, put('tampered-fresh', 'content', { 'x-amz-meta-role': 'user' }));
    const answer = await send(endpoint, change(fresh));
    expect(answer.code).toBe(code);
    expect(await exists('tampered-fresh')).toBe(false);
    expect(await exists('tampered-other')).toBe(false);
  });

  it('is refused with a wrong secret, key id, region, service or date', async () => {
    const cases: Array<[Parameters<typeof signed>[2], number, string]> = [
      [{ secret: 'wrong' }, 403, 'SignatureDoesNotMatch'],
      [{ accessKeyId: 'NOBODY' }, 403, 'InvalidAccessKeyId'],
      [{ region: 'us-east-1' }, 400, 'AuthorizationHeaderMalformed'],
      [{ service: 'ec2' }, 400, 'AuthorizationHeaderMalformed'],
      [{ date: new Date(Date.now() - 16 * MINUTE) }, 403, 'RequestTimeTooSkewed'],
      [{ date: new Date(Date.now() + 16 * MINUTE) }, 403, 'RequestTimeTooSkewed'],
    ];
    for (const [options, status, code] of cases) {
      expect(await send(endpoint, signed(endpoint, put('wrong'), options))).toMatchObject({ status, code });
    }
    const near = { date: new Date(Date.now() - 14 * MINUTE) };
    expect(await send(endpoint, signed(endpoint, put('near'), near))).toMatchObject({ status: 200 });
  });

  it('is refused when host is not signed, and when the header is nonsense', async () => {
    const request = signed(endpoint, put('nohost'));
    const authorization = request.headers?.authorization ?? '';
    const broken = [
      authorization.replace('host;', ''),
      authorization.replace(/Signature=.*/, ''),
      `${authorization}, Signature=00`,
      'AWS4-HMAC-SHA256',
      'AWS4-HMAC-SHA256 nonsense',
      'Basic abc',
      `AWS ${CREDENTIALS.accessKeyId}:abc`,
    ];
    for (const value of broken) {
      const { status } = await send(endpoint, {
        ...request,
        headers: { ...request.headers, authorization: value },
      });
      expect([400, 403]).toContain(status);
    }
    expect(await exists('nohost')).toBe(false);
  });

  it('holds the absence of a body to be what was signed', async () => {
    const get = signed(
      endpoint,
      { method: 'GET', path: `/${bucket}`, query: 'location=' },
      { payloadHash: sha256('body') },
    );
    expect(await send(endpoint, get)).toMatchObject({ status: 400, code: 'XAmzContentSHA256Mismatch' });
  });

  it('is needed for every kind of request', async () => {
    for (const method of ['GET', 'PUT', 'POST', 'DELETE', 'HEAD']) {
      for (const path of ['/', `/${bucket}`, `/${bucket}/key`]) {
        const answer = await send(endpoint, { method, path });
        expect(answer.status).toBe(403);
        if (method === 'HEAD') expect(answer.body.length).toBe(0);
        else expect(answer.code).toBe('AccessDenied');
      }
    }
  });

  it('is over header values without their outer and doubled spaces', async () => {
    const request = signed(endpoint, put('spaces', 'content', { 'x-amz-meta-name': '  two   spaces  ' }));
    expect(await send(endpoint, request)).toMatchObject({ status: 200 });
  });

  it('tells every refusal in S3 XML with its request id', async () => {
    const answer = await send(endpoint, { method: 'GET', path: `/${bucket}/a&b` });
    expect(answer.headers['content-type']).toBe('application/xml');
    expect(answer.body.toString()).toContain(`<RequestId>${answer.headers['x-amz-request-id']}</RequestId>`);
    expect(answer.body.toString()).toContain('/a&amp;b');
  });
});

describe('a presigned URL', () => {
  it('puts and gets', async () => {
    expect(await send(endpoint, presigned(endpoint, put('presigned')))).toMatchObject({ status: 200 });
    const answer = await send(endpoint, presigned(endpoint, { method: 'GET', path: `/${bucket}/presigned` }));
    expect(answer.body.toString()).toBe('content');
  });

  it('is refused for another key, method, expiry, length, or with further x-amz- parameters and headers', async () => {
    const good = presigned(endpoint, put('bound'));
    const changes: RawRequest[] = [
      { ...good, path: `/${bucket}/bound-other` },
      { ...good, method: 'DELETE' },
      { ...good, query: good.query?.replace('X-Amz-Expires=300', 'X-Amz-Expires=301') ?? '' },
      { ...good, query: `${good.query}&X-Amz-Expires=604800` },
      { ...good, query: `${good.query}&x-amz-meta-a=b` },
      { ...good, headers: { ...good.headers, 'content-length': '9' }, body: 'content+2' },
      { ...good, headers: { ...good.headers, 'x-amz-meta-a': 'b' } },
      { ...good, headers: { ...good.headers, 'x-amz-copy-source': `/${bucket}/presigned` } },
      { ...good, headers: { ...without(good.headers, 'content-length'), 'transfer-encoding': 'chunked' } },
    ];
    for (const change of changes) {
      const { status } = await send(endpoint, change);
      expect([400, 403]).toContain(status);
    }
    expect(await exists('bound')).toBe(false);
    expect(await send(endpoint, good)).toMatchObject({ status: 200 });
  });

  it('ends when it says so, and never after more than seven days', async () => {
    const at = (date: Date, expires: string) =>
      send(endpoint, presigned(endpoint, put('expiry'), { date, expires }));
    expect(await at(new Date(Date.now() - 5 * MINUTE), '360')).toMatchObject({ status: 200 });
    const expired = await at(new Date(Date.now() - 5 * MINUTE), '299');
    expect(expired).toMatchObject({ status: 403, code: 'AccessDenied' });
    expect(expired.body.toString()).toContain('Request has expired');
    expect(await at(new Date(Date.now() + 20 * MINUTE), '300')).toMatchObject({
      status: 403,
      code: 'AccessDenied',
    });
    for (const expires of ['604801', '0', '-1', '1e3', '']) {
      expect(await at(new Date(), expires)).toMatchObject({ code: 'AuthorizationQueryParametersError' });
    }
  });

  it('may carry x-amz- headers in its query, but only such as headers can hold', async () => {
    const withQuery = (query: string) => send(endpoint, presigned(endpoint, { ...put('carried'), query }));
    expect(await withQuery('x-amz-meta-a=b%0D%0Ac')).toMatchObject({ status: 400, code: 'InvalidArgument' });
    expect(await withQuery('x-amz-meta-a%20b=c')).toMatchObject({ status: 400, code: 'InvalidArgument' });
    expect(await exists('carried')).toBe(false);
    expect(await withQuery('x-amz-meta-a=%C3%BC')).toMatchObject({ status: 200 });
    const head = await send(endpoint, presigned(endpoint, { method: 'HEAD', path: `/${bucket}/carried` }));
    expect(Buffer.from(String(head.headers['x-amz-meta-a']), 'latin1').toString('utf8')).toBe('ü');
  });

  it('is refused beside an Authorization header', async () => {
    const query = presigned(endpoint, put('both')).query ?? '';
    const request = signed(endpoint, put('both'));
    expect(await send(endpoint, { ...request, query })).toMatchObject({ code: 'InvalidArgument' });
  });
});

describe('aws-chunked bodies', () => {
  const body = Buffer.from('The quick brown fox jumps over the lazy dog. '.repeat(400));
  const crc32c = (data: Buffer): string => {
    let crc = ~0;
    for (const byte of data) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    }
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(~crc >>> 0);
    return bytes.toString('base64');
  };

  /** A PUT in signed chunks of 8 KiB, with a signed trailer when one is given. */
  function chunked(key: string, trailer?: [name: string, value: string]): RawRequest {
    const headers: Record<string, string> = { 'x-amz-decoded-content-length': String(body.length) };
    if (trailer) headers['x-amz-trailer'] = trailer[0];
    const payloadHash = `STREAMING-AWS4-HMAC-SHA256-PAYLOAD${trailer ? '-TRAILER' : ''}`;
    const date = new Date();
    const request = signed(
      endpoint,
      { method: 'PUT', path: `/${bucket}/${key}`, headers },
      { payloadHash, date },
    );
    const timestamp = timestampOf(date);
    const scope = `${timestamp.slice(0, 8)}/${REGION}/s3/aws4_request`;
    const key4 = keyFor(timestamp.slice(0, 8));
    let previous = /Signature=(\w+)/.exec(request.headers?.authorization ?? '')?.[1] ?? '';
    const pieces: Buffer[] = [];
    for (let at = 0; ; at += 8192) {
      const data = body.subarray(at, at + 8192);
      const text = ['AWS4-HMAC-SHA256-PAYLOAD', timestamp, scope, previous, sha256(''), sha256(data)].join(
        '\n',
      );
      previous = hmac(key4, text).toString('hex');
      pieces.push(Buffer.from(`${data.length.toString(16)};chunk-signature=${previous}\r\n`), data);
      if (data.length === 0) break;
      pieces.push(Buffer.from('\r\n'));
    }
    if (trailer) {
      const hash = sha256(`${trailer[0]}:${trailer[1]}\n`);
      const text = ['AWS4-HMAC-SHA256-TRAILER', timestamp, scope, previous, hash].join('\n');
      const signature = hmac(key4, text).toString('hex');
      pieces.push(Buffer.from(`${trailer[0]}:${trailer[1]}\r\nx-amz-trailer-signature:${signature}\r\n`));
    }
    pieces.push(Buffer.from('\r\n'));
    return { ...request, body: Buffer.concat(pieces) };
  }

  it('are verified chunk by chunk', async () => {
    expect(await send(endpoint, chunked('chunked'))).toMatchObject({ status: 200 });
    const got = await send(endpoint, signed(endpoint, { method: 'GET', path: `/${bucket}/chunked` }));
    expect(got.body.equals(body)).toBe(true);
    expect(got.headers['content-encoding']).toBeUndefined();
  });

  it('are refused when a byte of a chunk or a length is changed, or the end is missing', async () => {
    const { body: wire, ...request } = chunked('chunked-bad');
    const bytes = wire as Buffer;
    const flipped = Buffer.from(bytes);
    flipped[9000] = (flipped[9000] ?? 0) ^ 1;
    const cases: Array<[Buffer, string]> = [
      [flipped, 'SignatureDoesNotMatch'],
      [bytes.subarray(0, -100), 'IncompleteBody'],
      [Buffer.concat([bytes, Buffer.from('more')]), 'InvalidRequest'],
      [Buffer.from(bytes.toString('latin1').replace(/;chunk-signature=\w+/, ''), 'latin1'), 'InvalidRequest'],
      [Buffer.from(body), 'InvalidRequest'],
    ];
    for (const [changed, code] of cases) {
      expect(await send(endpoint, { ...request, body: changed })).toMatchObject({
        status: code === 'SignatureDoesNotMatch' ? 403 : 400,
        code,
      });
    }
    expect(await exists('chunked-bad')).toBe(false);
  });

  it('are refused at the first bad chunk, and the answer arrives while the body is still being sent', async () => {
    const { body: wire, ...request } = chunked('chunked-large');
    const headers = { ...request.headers, 'content-length': String(64 * 1024 ** 2) };
    const bytes = Buffer.from(wire as Buffer);
    bytes[200] = (bytes[200] ?? 0) ^ 1;
    const { hostname, port } = new URL(endpoint);
    const status = await new Promise((resolve, reject) => {
      const outgoing = httpRequest({
        hostname,
        port,
        method: 'PUT',
        path: request.path,
        headers,
        agent: false,
      });
      outgoing.on('response', (response) => {
        resolve(response.statusCode);
        outgoing.destroy();
      });
      outgoing.on('error', reject);
      outgoing.write(bytes);
    });
    expect(status).toBe(403);
    expect(await exists('chunked-large')).toBe(false);
  });

  it('verify a signed trailer', async () => {
    const good = chunked('trailer', ['x-amz-checksum-crc32c', crc32c(body)]);
    expect(await send(endpoint, good)).toMatchObject({ status: 200 });
    const wrong = chunked('trailer-bad', ['x-amz-checksum-crc32c', crc32c(Buffer.from('other'))]);
    expect(await send(endpoint, wrong)).toMatchObject({ status: 400, code: 'BadDigest' });
    const forged = (good.body as Buffer).toString('latin1').replace(/(crc32c:)..../, '$1AAAA');
    expect(await send(endpoint, { ...good, body: Buffer.from(forged, 'latin1') })).toMatchObject({
      code: 'SignatureDoesNotMatch',
    });
    expect(await exists('trailer-bad')).toBe(false);
  });

  it('verify an unsigned trailer, in any of the checksums', async () => {
    const checksums: Record<string, string> = {
      crc32c: crc32c(body),
      sha1: createHash('sha1').update(body).digest('base64'),
      sha256: createHash('sha256').update(body).digest('base64'),
    };
    for (const [name, value] of Object.entries(checksums)) {
      const at = (key: string, sent: string): RawRequest => ({
        ...signed(
          endpoint,
          {
            method: 'PUT',
            path: `/${bucket}/${key}`,
            headers: {
              'content-encoding': 'aws-chunked',
              'x-amz-decoded-content-length': String(body.length),
              'x-amz-trailer': `x-amz-checksum-${name}`,
            },
          },
          { payloadHash: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER' },
        ),
        body: Buffer.concat([
          Buffer.from(`${body.length.toString(16)}\r\n`),
          body,
          Buffer.from(`\r\n0\r\nx-amz-checksum-${name}:${sent}\r\n\r\n`),
        ]),
      });
      expect(await send(endpoint, at(`unsigned-${name}`, value))).toMatchObject({ status: 200 });
      const other = createHash('sha256')
        .update(value)
        .digest()
        .subarray(0, Buffer.from(value, 'base64').length);
      const refused = await send(endpoint, at(`unsigned-${name}-bad`, other.toString('base64')));
      expect(refused).toMatchObject({ status: 400, code: 'BadDigest' });
      expect(await exists(`unsigned-${name}-bad`)).toBe(false);
    }
  });
});

describe('Expect: 100-continue', () => {
  const tryPut = (request: RawRequest): Promise<{ continued: boolean; status: number }> =>
    new Promise((resolve, reject) => {
      const { hostname, port } = new URL(endpoint);
      const headers = { ...request.headers, expect: '100-continue' };
      const outgoing = httpRequest({
        hostname,
        port,
        method: 'PUT',
        path: request.path,
        headers,
        agent: false,
      });
      let continued = false;
      outgoing.on('continue', () => {
        continued = true;
        outgoing.end(request.body);
      });
      outgoing.on('response', (response) => {
        response.resume().on('end', () => resolve({ continued, status: response.statusCode ?? 0 }));
        outgoing.destroy();
      });
      outgoing.on('error', reject);
      outgoing.flushHeaders();
    });

  it('lets the body come only after the request was found good', async () => {
    expect(await tryPut(signed(endpoint, put('expected')))).toEqual({ continued: true, status: 200 });
    const refused = [
      signed(endpoint, put('refused'), { secret: 'wrong' }),
      signed(endpoint, { ...put('refused'), path: '/no-such-bucket/key' }),
      signed(endpoint, put('expected', 'content', { 'if-none-match': '*' })),
    ];
    for (const [index, request] of refused.entries()) {
      expect(await tryPut(request)).toEqual({ continued: false, status: [403, 404, 412][index] });
    }
  });
});

describe('requests that mean what is not implemented', () => {
  const get = (query: string): Promise<{ status: number; code: string }> =>
    send(endpoint, signed(endpoint, { method: 'GET', path: `/${bucket}/right`, query }));

  it('are told so', async () => {
    for (const query of ['torrent=', 'retention=', 'versionId=1', 'toString=', 'acl=&partNumber=1']) {
      expect(await get(query)).toMatchObject({ status: 501, code: 'NotImplemented' });
    }
    for (const header of [
      'x-amz-server-side-encryption',
      'x-amz-tagging',
      'x-amz-object-lock-mode',
      'x-amz-grant-read',
    ]) {
      const request = signed(endpoint, put('refused', 'content', { [header]: 'x' }));
      expect(await send(endpoint, request)).toMatchObject({ status: 501, code: 'NotImplemented' });
    }
    const xxhash = signed(endpoint, put('refused', 'content', { 'x-amz-checksum-xxhash64': 'AAAAAAAAAAA=' }));
    expect(await send(endpoint, xxhash)).toMatchObject({ status: 501, code: 'NotImplemented' });
    expect(
      await send(endpoint, signed(endpoint, { method: 'PATCH', path: `/${bucket}/right` })),
    ).toMatchObject({
      status: 405,
    });
  });

  it('and malformed ones leave nothing', async () => {
    const bad = ['%', '%zz', '%ff'];
    for (const key of bad) {
      const answer = await send(endpoint, signed(endpoint, { method: 'GET', path: `/${bucket}/${key}` }));
      expect(answer).toMatchObject({ status: 400, code: 'InvalidURI' });
    }
  });
});

describe('CORS', () => {
  const preflight = (origin: string, method = 'PUT') =>
    send(endpoint, {
      method: 'OPTIONS',
      path: `/${bucket}/key`,
      headers: {
        origin,
        'access-control-request-method': method,
        'access-control-request-headers': 'content-type,x-amz-checksum-sha256',
      },
    });

  it('answers the preflight of an allowed origin alone', async () => {
    const allowed = await preflight('https://app.example');
    expect(allowed.status).toBe(200);
    expect(allowed.headers['access-control-allow-origin']).toBe('https://app.example');
    expect(allowed.headers['access-control-allow-headers']).toContain('x-amz-checksum-sha256');
    expect(await preflight('https://evil.example')).toMatchObject({ status: 403, code: 'AccessForbidden' });
    expect(await preflight('https://app.example', 'PATCH')).toMatchObject({ status: 403 });
  });

  it('exposes the ETag of an allowed origin’s request', async () => {
    const request = presigned(endpoint, put('cors'));
    const answer = await send(endpoint, {
      ...request,
      headers: { ...request.headers, origin: 'https://app.example' },
    });
    expect(answer.status).toBe(200);
    expect(answer.headers['access-control-expose-headers']).toContain('ETag');
    const other = await send(endpoint, {
      ...request,
      headers: { ...request.headers, origin: 'https://evil.example' },
    });
    expect(other.headers['access-control-allow-origin']).toBeUndefined();
  });
});

function without(headers: Record<string, string> | undefined, name: string): Record<string, string> {
  return Object.fromEntries(Object.entries(headers ?? {}).filter(([key]) => key !== name));
}
