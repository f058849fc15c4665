import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CHECKSUM_ALGORITHMS,
  type ChecksumAlgorithm,
  checksumOfParts,
  createDigest,
} from '../../src/embedded/s3/checksums.ts';
import { decodeChunked } from '../../src/embedded/s3/chunked.ts';
import { listPage } from '../../src/embedded/s3/listing.ts';
import { parseRange } from '../../src/embedded/s3/ranges.ts';
import {
  canonicalRequest,
  EMPTY_SHA256,
  parseTimestamp,
  sign,
  signingKey,
  stringToSign,
} from '../../src/embedded/s3/sigv4.ts';
import { fromByteOrder, SortedKeys, toByteOrder } from '../../src/embedded/s3/sorted-keys.ts';
import { document, element, parseDocument, textOf } from '../../src/embedded/s3/xml.ts';

/** The keys and answers of the examples in the S3 API reference's chapters on signature version 4. */
const SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const TIMESTAMP = '20130524T000000Z';
const SCOPE = { date: '20130524', region: 'us-east-1', service: 's3' };

describe('signature version 4', () => {
  const signatureOf = (request: Parameters<typeof canonicalRequest>[0]): string =>
    sign(signingKey(SECRET, SCOPE), stringToSign(TIMESTAMP, SCOPE, canonicalRequest(request)));
  const host = ['host', ['examplebucket.s3.amazonaws.com']] as const;
  const common = [
    ['x-amz-content-sha256', [EMPTY_SHA256]],
    ['x-amz-date', [TIMESTAMP]],
  ] as const;

  it('gives the reference’s signatures', () => {
    const get = { method: 'GET', path: '/test.txt', query: [], payloadHash: EMPTY_SHA256 };
    expect(signatureOf({ ...get, headers: [host, ['range', ['bytes=0-9']], ...common] })).toBe(
      'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    );
    const lifecycle = { ...get, path: '/', query: [['lifecycle', '']] as const, headers: [host, ...common] };
    expect(signatureOf(lifecycle)).toBe('fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543');
    const list = [
      ['prefix', 'J'],
      ['max-keys', '2'],
    ] as const;
    expect(signatureOf({ ...get, path: '/', query: list, headers: [host, ...common] })).toBe(
      '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
    );
    const presigned = [
      ['X-Amz-Algorithm', 'AWS4-HMAC-SHA256'],
      ['X-Amz-Credential', 'AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request'],
      ['X-Amz-Date', TIMESTAMP],
      ['X-Amz-Expires', '86400'],
      ['X-Amz-SignedHeaders', 'host'],
    ] as const;
    const url = { ...get, query: presigned, headers: [host], payloadHash: 'UNSIGNED-PAYLOAD' };
    expect(signatureOf(url)).toBe('aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404');
  });

  it('sorts query names that are prefixes of one another by name', () => {
    const query = [
      ['a-b', '1'],
      ['a', '2'],
      ['a.b', '3'],
      ['a b', '4'],
    ] as const;
    const canonical = canonicalRequest({
      method: 'GET',
      path: '/ü+ /x',
      query,
      headers: [],
      payloadHash: '',
    });
    expect(canonical.split('\n').slice(1, 3)).toEqual(['/%C3%BC%2B%20/x', 'a=2&a%20b=4&a-b=1&a.b=3']);
  });

  it('takes no impossible timestamps', () => {
    expect(parseTimestamp('20240229T235959Z')?.toISOString()).toBe('2024-02-29T23:59:59.000Z');
    for (const text of [
      '20230229T000000Z',
      '20240101T250000Z',
      '2024-01-01T00:00:00Z',
      '',
      '20240101T000000Zx',
    ]) {
      expect(parseTimestamp(text)).toBeUndefined();
    }
  });
});

describe('aws-chunked', () => {
  const signer = {
    key: signingKey(SECRET, SCOPE),
    timestamp: TIMESTAMP,
    scope: '20130524/us-east-1/s3/aws4_request',
    seed: '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9',
  };
  const wire = Buffer.from(
    [
      '10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648',
      'a'.repeat(65536),
      '400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497',
      'a'.repeat(1024),
      '0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9',
      '',
      '',
    ].join('\r\n'),
  );

  async function decode(bytes: Buffer, cuts: readonly number[], isSigned = true) {
    async function* source(): AsyncGenerator<Buffer> {
      let from = 0;
      for (const cut of [...cuts, bytes.length]) {
        yield bytes.subarray(from, cut);
        from = Math.max(from, cut);
      }
    }
    const trailers: Array<[string, string]> = [];
    const options = { signer: isSigned ? signer : undefined, trailer: !isSigned };
    const onTrailers = (found: ReadonlyMap<string, string>): void => void trailers.push(...found);
    const chunks: Buffer[] = [];
    for await (const chunk of decodeChunked(source(), { ...options, onTrailers })) chunks.push(chunk);
    return { body: Buffer.concat(chunks), trailers };
  }
  const cutsOf = (bytes: Buffer) =>
    fc.array(fc.nat(bytes.length), { maxLength: 12 }).map((cuts) => cuts.sort((left, right) => left - right));

  it('decodes the reference’s example however it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(cutsOf(wire), async (cuts) => {
        expect((await decode(wire, cuts)).body.toString()).toBe('a'.repeat(66560));
      }),
      { numRuns: 50 },
    );
  });

  it('reads trailers however they are cut', async () => {
    const bytes = Buffer.from(
      '5\r\nhello\r\n1;\r\n'.replace('1;\r\n', '0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n'),
    );
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const { body, trailers } = await decode(bytes, [cut], false);
      expect([body.toString(), trailers]).toEqual(['hello', [['x-amz-checksum-crc32', 'NhCmhg==']]]);
    }
  });

  it('refuses any changed byte and any cut end', async () => {
    const small = wire.subarray(0, 200);
    for (let at = 0; at < small.length; at += 7) {
      const changed = Buffer.from(wire);
      changed[at] = (changed[at] ?? 0) ^ 0x01;
      await expect(decode(changed, [])).rejects.toMatchObject({ name: 'S3Error' });
    }
    for (const length of [0, 10, 90, 66_000, wire.length - 2, wire.length - 1]) {
      await expect(decode(wire.subarray(0, length), [])).rejects.toMatchObject({ code: 'IncompleteBody' });
    }
    await expect(decode(Buffer.alloc(100_000, 'f'), [])).rejects.toMatchObject({ code: 'InvalidRequest' });
  });
});

describe('checksums', () => {
  it('are those of the RFCs', () => {
    const of = (algorithm: ChecksumAlgorithm, data: Buffer): string => {
      const digest = createDigest(algorithm);
      digest.update(data);
      return digest.digest().toString('hex');
    };
    expect(of('CRC32', Buffer.from('123456789'))).toBe('cbf43926');
    expect(of('CRC32C', Buffer.from('123456789'))).toBe('e3069283');
    expect(of('CRC32C', Buffer.alloc(32))).toBe('8a9136aa');
    expect(of('CRC64NVME', Buffer.from('123456789'))).toBe('ae8b14860a799888');
    // The examples of the NVM Command Set Specification, over 4 KiB.
    expect(of('CRC64NVME', Buffer.alloc(4096))).toBe('6482d367eb22b64e');
    expect(of('CRC64NVME', Buffer.alloc(4096, 0xff))).toBe('c0ddba7302eca3ac');
    const whole = Buffer.from('The quick brown fox');
    for (const algorithm of CHECKSUM_ALGORITHMS) {
      const [pieces, once] = [createDigest(algorithm), createDigest(algorithm)];
      once.update(whole);
      for (const byte of whole) pieces.update(Buffer.from([byte]));
      expect(pieces.digest()).toEqual(once.digest());
    }
    const sha = createDigest('SHA256');
    sha.update(whole);
    expect(sha.digest()).toEqual(createHash('sha256').update(whole).digest());
  });

  it('of a whole come from those of its parts, however it is cut', () => {
    const of = (algorithm: ChecksumAlgorithm, data: Uint8Array): string => {
      const digest = createDigest(algorithm);
      digest.update(data);
      return digest.digest().toString('base64');
    };
    fc.assert(
      fc.property(
        fc.constantFrom('CRC32' as const, 'CRC32C' as const, 'CRC64NVME' as const),
        fc.array(fc.uint8Array({ maxLength: 3000 }), { minLength: 1, maxLength: 5 }),
        (algorithm, pieces) => {
          const parts = pieces.map((piece) => ({ value: of(algorithm, piece), size: piece.length }));
          expect(checksumOfParts(algorithm, 'FULL_OBJECT', parts)).toBe(of(algorithm, Buffer.concat(pieces)));
          const values = Buffer.concat(parts.map(({ value }) => Buffer.from(value, 'base64')));
          expect(checksumOfParts(algorithm, 'COMPOSITE', parts)).toBe(
            `${of(algorithm, values)}-${parts.length}`,
          );
        },
      ),
    );
  });
});

describe('keys in order', () => {
  const key = fc.string({ unit: fc.constantFrom('a', 'b', '/', '\0', 'é', '\uffee', '🎉'), maxLength: 4 });
  const byBytes = (left: string, right: string): number =>
    Buffer.compare(Buffer.from(left), Buffer.from(right));

  it('behave like a sorted set, whatever is added and deleted', () => {
    const step = fc.record({ add: fc.boolean(), key });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), key, (steps, probe) => {
        const keys = new SortedKeys(4);
        const model = new Set<string>();
        for (const { add, key: text } of steps) {
          if (add) {
            keys.add(toByteOrder(text));
            model.add(text);
          } else {
            keys.delete(toByteOrder(text));
            model.delete(text);
          }
        }
        const sorted = [...model].sort(byBytes);
        const listed: string[] = [];
        for (let next = keys.ceiling(''); next !== undefined; next = keys.ceiling(`${next}\0`)) {
          listed.push(fromByteOrder(next));
        }
        expect(listed).toEqual(sorted);
        const expected = sorted.find((text) => byBytes(text, probe) >= 0);
        expect(keys.ceiling(toByteOrder(probe))).toBe(
          expected === undefined ? undefined : toByteOrder(expected),
        );
      }),
    );
  });

  it('are listed the same in pages that go on behind the last key or common prefix', () => {
    const query = fc.record({ prefix: key, delimiter: fc.constantFrom('', '/', 'b', '🎉') });
    fc.assert(
      fc.property(
        fc.uniqueArray(key, { maxLength: 40 }),
        query,
        fc.integer({ min: 1, max: 5 }),
        (texts, asked, maxKeys) => {
          const keys = new SortedKeys(4);
          for (const text of texts) if (text !== '') keys.add(toByteOrder(text));
          const object = (text: string) => ({ key: text }) as never;
          const from = { resume: undefined, skipsPrefix: true };
          const whole = listPage(keys, object, { ...asked, ...from, startAfter: '', maxKeys: 1000 });
          const listed: unknown[] = [];
          let startAfter = '';
          for (let more = true; more; ) {
            const page = listPage(keys, object, { ...asked, ...from, startAfter, maxKeys });
            listed.push(...page.objects, ...page.commonPrefixes);
            startAfter = page.last ?? '';
            more = page.next !== undefined;
          }
          const inOrder = (items: unknown[]): string[] => items.map((item) => JSON.stringify(item)).sort();
          expect(inOrder(listed)).toEqual(inOrder([...whole.objects, ...whole.commonPrefixes]));
        },
      ),
    );
  });

  it('are listed like a plain loop over them would', () => {
    const query = fc.record({ prefix: key, delimiter: fc.constantFrom('', '/', 'b', '🎉'), startAfter: key });
    fc.assert(
      fc.property(
        fc.uniqueArray(key, { maxLength: 40 }),
        query,
        fc.integer({ min: 1, max: 5 }),
        (texts, asked, maxKeys) => {
          const keys = new SortedKeys(4);
          for (const text of texts) keys.add(toByteOrder(text));
          const object = (text: string) => ({ key: text }) as never;
          const listed: string[] = [];
          let resume: string | undefined;
          do {
            const page = listPage(keys, object, { ...asked, maxKeys, resume, skipsPrefix: false });
            const items = [...page.objects.map((found) => found.key), ...page.commonPrefixes];
            expect(items.length).toBeLessThanOrEqual(maxKeys);
            listed.push(...items.sort(byBytes));
            resume = page.next;
          } while (resume !== undefined);
          const expected = new Set<string>();
          for (const text of [...texts].sort(byBytes)) {
            if (!text.startsWith(asked.prefix) || byBytes(text, asked.startAfter) <= 0) continue;
            const cut = asked.delimiter === '' ? -1 : text.indexOf(asked.delimiter, asked.prefix.length);
            expected.add(cut === -1 ? text : text.slice(0, cut + asked.delimiter.length));
          }
          // startAfter '' means from the beginning, and no key is empty in S3.
          if (asked.startAfter === '' && texts.includes('') && ''.startsWith(asked.prefix)) expected.add('');
          expect(listed).toEqual([...expected].sort(byBytes));
        },
      ),
    );
  });
});

describe('ranges', () => {
  it('are those of a plain slice', () => {
    fc.assert(
      fc.property(fc.nat(20), fc.nat(25), fc.nat(25), (size, start, end) => {
        const indexes = Array.from({ length: size }, (_, index) => index);
        if (start >= size && start <= end) {
          expect(() => parseRange(`bytes=${start}-${end}`, size)).toThrow('not satisfiable');
          return;
        }
        const range = parseRange(`bytes=${start}-${end}`, size);
        const chosen = range ? indexes.slice(range.start, range.end + 1) : indexes;
        expect(chosen).toEqual(start > end ? indexes : indexes.slice(start, end + 1));
      }),
    );
    const beyond = '9'.repeat(400);
    expect(parseRange(`bytes=4-${beyond}`, 10)).toEqual({ start: 4, end: 9 });
    expect(parseRange(`bytes=-${beyond}`, 10)).toEqual({ start: 0, end: 9 });
    expect(() => parseRange(`bytes=${beyond}-`, 10)).toThrow('not satisfiable');
    for (const header of [
      'bytes=',
      'bytes=-',
      'bytes=a-b',
      'bytes=0-1,3-4',
      'items=0-1',
      'bytes=--1',
      undefined,
    ]) {
      expect(parseRange(header, 10)).toBeUndefined();
    }
  });
});

describe('XML', () => {
  it('brings any text through', () => {
    const anyText = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom(' ', '\n', '\r', '&', '<', ']', '>', '"') }),
    );
    fc.assert(
      fc.property(anyText, (content) => {
        const root = parseDocument(document('Root', [element('Key', content)]), 'Root');
        expect(textOf(root, 'Key')).toBe(content);
      }),
    );
  });

  it('refuses what defines or uses entities of its own', () => {
    for (const bad of [
      '<!DOCTYPE Root><Root/>',
      // Its text is not unescaped, which the parser does not tell apart: another key would be meant.
      '<Root><Key><![CDATA[a&amp;b]]></Key></Root>',
      '<Root><Key>&nbsp;</Key></Root>',
      '<Root><Key>&#xD800;</Key></Root>',
      '<Root>',
      '',
    ]) {
      expect(() => textOf(parseDocument(bad, 'Root'), 'Key')).toThrow(
        expect.objectContaining({ code: 'MalformedXML' }),
      );
    }
  });
});
