import { randomBytes } from 'node:crypto';
import { PassThrough, Writable } from 'node:stream';
import { setTimeout as passed } from 'node:timers/promises';
import { DeflateRaw } from 'node:zlib';
import { expect, onTestFinished, test, vi } from 'vitest';
import { tempFileScratch } from '../../src/adapters/scratch/temp-file.ts';
import type { Scratch } from '../../src/formats/scratch.ts';
import { type WorkbookOptions, WorkbookWriter } from '../../src/formats/xlsx/write/workbook-writer.ts';
import { gate } from '../support/gate.ts';
import { opened } from './xlsx-write-book.ts';

/** What goes wrong behind the writer's back fails the whole run: vitest listens for it. */
const columns = [{ name: 'id' }, { name: 'text' }];
const marks = [{ column: 1, comment: 'is no date' }];

function writerTo(output: Writable, options: Partial<WorkbookOptions> = {}): WorkbookWriter {
  const defaults = { openScratch: tempFileScratch, sheet: 'Results', columns, report: true };
  return new WorkbookWriter({ output, ...defaults, ...options });
}

/** Hardly compressed: what goes in comes out. */
function noise(): string {
  return randomBytes(3_000).toString('base64');
}

/** An output that takes nothing until it is released. */
function stuckOutput() {
  const pieces: Buffer[] = [];
  let waiting: (() => void) | null = null;
  let released = false;
  const output = new Writable({
    highWaterMark: 16 * 1024,
    write(piece: Buffer, _encoding, taken) {
      pieces.push(piece);
      if (released) taken();
      else waiting = taken;
    },
  });
  const release = () => {
    released = true;
    waiting?.();
  };
  return { output, release, bytes: () => Buffer.concat(pieces) };
}

/** An output that fails once it has taken so many bytes. */
function failingOutput(atBytes: number, error: Error): Writable {
  let bytes = 0;
  return new Writable({
    write(piece: Buffer, _encoding, taken) {
      bytes += piece.length;
      taken(bytes > atBytes ? error : null);
    },
  });
}

/** Counts what was opened and not closed. */
function countedScratch() {
  const open = new Set<Scratch>();
  const openScratch = async (): Promise<Scratch> => {
    const scratch = await tempFileScratch();
    const { append, read, close } = scratch;
    const counted: Scratch = {
      get bytes() {
        return scratch.bytes;
      },
      append,
      read,
      close() {
        open.delete(counted);
        return close();
      },
    };
    open.add(counted);
    return counted;
  };
  return { open, openScratch };
}

/** Waits until the number has stopped growing. */
async function settled(count: () => number, everyMs = 300): Promise<number> {
  for (let last = -1; ; ) {
    await passed(everyMs);
    if (count() === last) return last;
    last = count();
  }
}

test('a row waits while the output is full, and everything is there in the end', async () => {
  const { output, release, bytes } = stuckOutput();
  const writer = writerTo(output);
  const rows = 3_000;
  let taken = 0;
  const writing = (async () => {
    for (let row = 0; row < rows; row += 1) {
      await writer.row([row, noise()], marks);
      taken += 1;
    }
    await writer.finish();
  })();
  const before = await settled(() => taken);
  expect(before).toBeGreaterThan(0);
  // All of them are 12 MB.
  expect(before * 4_000).toBeLessThan(2_000_000);
  release();
  await writing;
  const { worksheets } = await opened(bytes());
  expect(worksheets.map(({ name, rowCount }) => [name, rowCount])).toEqual([
    ['Results', rows + 1],
    ['Errors', 1],
  ]);
  expect(worksheets[0]!.getCell(`A${rows + 1}`).value).toBe(rows - 1);
});

test('the report waits for the output too', async () => {
  const { output, release, bytes } = stuckOutput();
  const writer = writerTo(output);
  for (let line = 1; line <= 3_000; line += 1) {
    await writer.report([`${line}`, '', '', '', 'code', noise(), '']);
  }
  let finished = false;
  const finishing = writer.finish().then(() => {
    finished = true;
  });
  await settled(() => output.writableLength);
  expect(finished).toBe(false);
  expect(bytes().length + output.writableLength).toBeLessThan(2_000_000);
  release();
  await finishing;
  expect((await opened(bytes())).worksheets[1]!.rowCount).toBe(3_001);
});

test.each([0, 20_000, 1_000_000])(
  'an output that fails after %i bytes fails whoever writes',
  async (atBytes) => {
    const { open, openScratch } = countedScratch();
    const fault = new Error('no space left');
    const writer = writerTo(failingOutput(atBytes, fault), { openScratch });
    const writing = (async () => {
      for (let row = 0; row < 1_000; row += 1) {
        await writer.row([row, noise()], marks);
        await writer.report(['1', '', '', '', 'code', noise(), '']);
      }
      await writer.finish();
    })();
    await expect(writing).rejects.toBe(fault);
    await expect(writer.row([1])).rejects.toBe(fault);
    await expect(writer.report(['1'])).rejects.toBe(fault);
    await expect(writer.finish()).rejects.toBe(fault);
    await writer.abandon(new Error('too late to be the reason'));
    expect(open.size).toBe(0);
  },
);

test('an output that fails at its very end fails finish, which leaves nothing open', async () => {
  const { open, openScratch } = countedScratch();
  const fault = new Error('could not be stored');
  const output = new Writable({
    write: (_piece, _encoding, taken) => taken(),
    final: (ended) => ended(fault),
  });
  const writer = writerTo(output, { openScratch });
  for (let line = 0; line < 200; line += 1) await writer.report(['1', '', '', '', 'code', noise(), '']);
  expect(open.size).toBe(1);
  await expect(writer.finish()).rejects.toBe(fault);
  expect(open.size).toBe(0);
});

test('an output that goes away without a word fails whoever writes', async () => {
  const { output } = stuckOutput();
  const writer = writerTo(output);
  const writing = (async () => {
    for (;;) await writer.row([1, noise()]);
  })();
  setImmediate(() => output.destroy());
  await expect(writing).rejects.toThrow(/[Cc]lose/);
  await expect(writer.finish()).rejects.toThrow(/[Cc]lose/);
});

test('an output that was gone from the start', async () => {
  const output = new PassThrough();
  output.destroy();
  await expect(writerTo(output).finish()).rejects.toThrow(/[Cc]lose/);
});

test('a scratch that fails fails the report', async () => {
  const fault = new Error('no space left');
  const writer = writerTo(new PassThrough().resume(), { openScratch: () => Promise.reject(fault) });
  const reporting = (async () => {
    for (;;) await writer.report(['1', '', '', '', 'code', noise(), '']);
  })();
  await expect(reporting).rejects.toBe(fault);
  await writer.abandon(fault);
});

test('a scratch that cannot be read fails finish, and the output is not taken for whole', async () => {
  const fault = new Error('gone');
  const output = new PassThrough().resume();
  const openScratch = async () => ({ ...(await tempFileScratch()), read: () => Promise.reject(fault) });
  const writer = writerTo(output, { openScratch });
  for (let line = 0; line < 200; line += 1) await writer.report(['1', '', '', '', 'code', noise(), '']);
  await expect(writer.finish()).rejects.toBe(fault);
  expect(output.errored).toBe(fault);
});

test('when it is abandoned, a row that waits is rejected, and everything is released', async () => {
  const { open, openScratch } = countedScratch();
  const { output } = stuckOutput();
  const reason = new Error('cancelled');
  const writer = writerTo(output, { openScratch });
  for (let line = 0; line < 200; line += 1) await writer.report(['1', '', '', '', 'code', noise(), '']);
  const writing = (async () => {
    for (;;) await writer.row([1, noise()], marks);
  })();
  const rejected = expect(writing).rejects.toBe(reason);
  await passed(50);
  await writer.abandon(reason);
  await rejected;
  expect(output.errored).toBe(reason);
  expect(open.size).toBe(0);
  await expect(writer.row([1])).rejects.toBe(reason);
  await expect(writer.finish()).rejects.toBe(reason);
  await writer.abandon(new Error('again'));
});

test('when it is abandoned while it finishes, finish is rejected', async () => {
  const { output } = stuckOutput();
  const reason = new Error('cancelled');
  const writer = writerTo(output);
  const marked = { column: 0, comment: 'x'.repeat(500) };
  for (let row = 0; row < 1_000; row += 1) await writer.row([row, 'x'], [marked]);
  const rejected = expect(writer.finish()).rejects.toBe(reason);
  await passed(50);
  await writer.abandon(reason);
  await rejected;
});

test('it may be abandoned before the first row, and while the scratch is being opened', async () => {
  const { open, openScratch } = countedScratch();
  const held = gate();
  const output = new PassThrough();
  const reason = new Error('cancelled');
  const writer = writerTo(output, { openScratch: () => held.wait().then(openScratch) });
  const reporting = writer.report(['1', '', '', '', 'code', 'x'.repeat(300_000), '']);
  const rejected = expect(reporting).rejects.toBe(reason);
  await writer.abandon(reason);
  held.open();
  await rejected;
  expect(open.size).toBe(0);
  expect(output.errored).toBe(reason);
});

test('nothing more is taken once it is finished', async () => {
  const output = new PassThrough().resume();
  const writer = writerTo(output);
  await writer.finish();
  await expect(writer.row([1])).rejects.toThrow('finished');
  await expect(writer.report(['1'])).rejects.toThrow('finished');
  await expect(writer.finish()).rejects.toThrow('finished');
  await writer.abandon(new Error('too late'));
});

test('abandoned workbooks let go of their compressors at once', async () => {
  const ended = new Set<unknown>();
  const destroy = DeflateRaw.prototype._destroy;
  const spy = vi.spyOn(DeflateRaw.prototype, '_destroy').mockImplementation(function (
    this: DeflateRaw,
    ...args
  ) {
    ended.add(this);
    destroy.apply(this, args);
  });
  onTestFinished(() => spy.mockRestore());
  for (let round = 0; round < 5; round += 1) {
    const reason = new Error('cancelled');
    const writer = writerTo(stuckOutput().output);
    let rows = 0;
    const writing = (async () => {
      for (;;) {
        await writer.row([1, noise()], marks);
        rows += 1;
      }
    })();
    const rejected = expect(writing).rejects.toBe(reason);
    await settled(() => rows, 30);
    const before = ended.size;
    await writer.abandon(reason);
    await rejected;
    await expect.poll(() => ended.size).toBe(before + 1);
  }
});
