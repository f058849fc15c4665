import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { s3OfFile } from '../support/s3-of-file.ts';
import { presigned, putRequest, type RawRequest, send, sha256, signed } from '../support/s3-signing.ts';

/* Requests as no SDK makes them: from tools that sign in ways of their own, and from those that mean harm. */

const MIB = 1024 ** 2;
let bucket: string;
let endpoint: string;

s3OfFile(
  (made) => {
    ({ endpoint, Bucket: bucket } = made);
  },
  { corsOrigins: ['*'] },
);

const put = (key: string, body?: Buffer | string) => putRequest(`/${bucket}/${key}`, body);
const read = async (key: string): Promise<string | undefined> => {
  const answer = await send(endpoint, signed(endpoint, { method: 'GET', path: `/${bucket}/${key}` }));
  return answer.status === 200 ? answer.body.toString() : undefined;
};

describe('a request without x-amz-content-sha256', () => {
  const undeclared = { undeclared: true };
  const ofNothing = { undeclared: true, payloadHash: sha256('') };

  it('is taken with the hash of its body, and with that of nothing when it has none', async () => {
    expect(await send(endpoint, signed(endpoint, put('hashed'), undeclared))).toMatchObject({ status: 200 });
    expect(await read('hashed')).toBe('content');
    const get = signed(endpoint, { method: 'GET', path: `/${bucket}/hashed` }, ofNothing);
    expect((await send(endpoint, get)).body.toString()).toBe('content');
    const empty = signed(endpoint, put('empty', ''), undeclared);
    expect(await send(endpoint, empty)).toMatchObject({ status: 200 });
    expect(await read('empty')).toBe('');
    const body = '<Delete><Object><Key>empty</Key></Object></Delete>';
    const deletion: RawRequest = { method: 'POST', path: `/${bucket}`, query: 'delete=', body };
    expect(await send(endpoint, signed(endpoint, deletion, undeclared))).toMatchObject({ status: 200 });
    expect(await read('empty')).toBeUndefined();
  });

  it('may PUT what it did not hash, as with UNSIGNED-PAYLOAD, and nothing else', async () => {
    const large = Buffer.alloc(2 * MIB, 'x');
    expect(await send(endpoint, signed(endpoint, put('unhashed', large), ofNothing))).toMatchObject({
      status: 200,
    });
    expect((await read('unhashed'))?.length).toBe(large.length);
    const body = '<Delete><Object><Key>unhashed</Key></Object></Delete>';
    const deletion: RawRequest = { method: 'POST', path: `/${bucket}`, query: 'delete=', body };
    expect(await send(endpoint, signed(endpoint, deletion, ofNothing))).toMatchObject({
      status: 403,
      code: 'SignatureDoesNotMatch',
    });
    expect((await read('unhashed'))?.length).toBe(large.length);
  });

  it('is refused with a changed body, a wrong secret, and a hash of a body too large to read ahead', async () => {
    const hashed = signed(endpoint, put('refused'), undeclared);
    const large = Buffer.alloc(MIB + 1, 'x');
    const requests: RawRequest[] = [
      { ...hashed, body: 'CONTENT' },
      { ...hashed, headers: { ...hashed.headers, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } },
      signed(endpoint, put('refused'), { undeclared: true, secret: 'wrong' }),
      signed(endpoint, put('refused'), { ...ofNothing, secret: 'wrong' }),
      signed(endpoint, put('refused', large), undeclared),
    ];
    for (const request of requests) expect((await send(endpoint, request)).status).toBe(403);
    expect(await send(endpoint, signed(endpoint, put('refused', large), undeclared))).toMatchObject({
      code: 'SignatureDoesNotMatch',
    });
    expect(await read('refused')).toBeUndefined();
  });

  it('cannot be made of one that has it', async () => {
    const { 'x-amz-content-sha256': _, ...headers } = signed(endpoint, put('stripped')).headers ?? {};
    const stripped = { ...put('stripped', 'CONTENT'), headers };
    expect(await send(endpoint, stripped)).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' });
    expect(await read('stripped')).toBeUndefined();
  });
});

describe('a target that was signed as it was sent', () => {
  it('is what it says, and nothing near it', async () => {
    const odd = signed(endpoint, { ...put('odd'), path: `/${bucket}/(odd)'%7e` });
    expect(await send(endpoint, odd)).toMatchObject({ status: 200 });
    expect(await read("(odd)'~")).toBe('content');
    const list: RawRequest = {
      method: 'GET',
      path: `/${bucket}`,
      query: 'prefix=(o&list-type=2&delimiter=/',
    };
    const good = signed(endpoint, list);
    expect((await send(endpoint, good)).body.toString()).toContain('<KeyCount>1</KeyCount>');
    for (const query of [
      'prefix=(&list-type=2&delimiter=/',
      'prefix=(o&list-type=2',
      'prefix=(o&list-type=2&delimiter=',
    ]) {
      expect(await send(endpoint, { ...good, query })).toMatchObject({ code: 'SignatureDoesNotMatch' });
    }
    expect(await send(endpoint, { ...odd, path: `/${bucket}/(odd)'!` })).toMatchObject({
      code: 'SignatureDoesNotMatch',
    });
  });

  it('does not help a presigned URL', async () => {
    const url = presigned(endpoint, { method: 'GET', path: `/${bucket}/(odd)'%7e` });
    expect(await send(endpoint, url)).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' });
  });
});

describe('other signatures', () => {
  it('of version 2 are told what to use', async () => {
    const query = 'AWSAccessKeyId=TESTKEY&Signature=abc%3D&Expires=1900000000';
    const answer = await send(endpoint, { method: 'GET', path: `/${bucket}/odd`, query });
    expect(answer).toMatchObject({ status: 400, code: 'InvalidRequest' });
    expect(answer.body.toString()).toContain('AWS4-HMAC-SHA256');
  });
});

describe('what is no HTTP', () => {
  const answerTo = (text: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const { hostname, port } = new URL(endpoint);
      const socket = connect(Number(port), hostname);
      let answer = '';
      socket.on('data', (chunk: Buffer) => {
        answer += chunk.toString();
      });
      socket.on('close', () => resolve(answer));
      socket.on('error', reject);
      socket.write(text);
    });

  it('is refused in XML, and the connection ends', async () => {
    const nonsense = await answerTo('NONSENSE\r\n\r\n');
    expect(nonsense).toMatch(/^HTTP\/1\.1 400 /);
    expect(nonsense).toMatch(/<Error><Code>BadRequest<\/Code><Message>.+<RequestId>[0-9A-F]{16}</);
    const wide = await answerTo(`GET / HTTP/1.1\r\nhost: x\r\nx-amz-meta-a: ${'a'.repeat(40_000)}\r\n\r\n`);
    expect(wide).toContain('<Code>RequestHeaderSectionTooLarge</Code>');
    const smuggled =
      'PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n';
    expect(await answerTo(smuggled)).toContain('<Code>BadRequest</Code>');
    expect(await send(endpoint, signed(endpoint, { method: 'GET', path: '/' }))).toMatchObject({
      status: 200,
    });
  });
});

describe('a page of any origin', () => {
  it('may PUT to a presigned URL, read the ETag and checksums, and errors too', async () => {
    const origin = 'https://page.example';
    const preflight = await send(endpoint, {
      method: 'OPTIONS',
      path: `/${bucket}/page`,
      headers: {
        origin,
        'access-control-request-method': 'PUT',
        'access-control-request-headers': 'content-type',
      },
    });
    expect(preflight.status).toBe(200);
    expect(preflight.headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-headers': 'content-type',
      'access-control-allow-methods': expect.stringContaining('PUT'),
    });
    expect(preflight.headers['access-control-allow-credentials']).toBeUndefined();
    const url = presigned(endpoint, put('page'));
    const sent = await send(endpoint, { ...url, headers: { ...url.headers, origin } });
    expect(sent.status).toBe(200);
    const exposed = String(sent.headers['access-control-expose-headers']).split(', ');
    for (const name of ['ETag', 'x-amz-request-id', 'x-amz-checksum-sha256', 'x-amz-checksum-crc64nvme']) {
      expect(exposed).toContain(name);
    }
    const refused = await send(endpoint, { ...url, headers: { ...url.headers, origin }, method: 'DELETE' });
    expect(refused).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' });
    expect(refused.headers['access-control-allow-origin']).toBe(origin);
  });
});
