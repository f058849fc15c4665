import { PassThrough, Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { type PasswordInput, readPassword } from '../../src/cli/read-password.ts';

/** A terminal at which these pieces are typed or pasted, and what is shown on it. */
function terminal(...pieces: string[]) {
  const modes: boolean[] = [];
  const input: PasswordInput = Object.assign(Readable.from(pieces.map((piece) => Buffer.from(piece))), {
    isTTY: true,
    setRawMode: (raw: boolean) => modes.push(raw),
  });
  const output = new PassThrough();
  const password = readPassword(input, output, 'ada');
  return { password, modes, shown: () => String(output.read()) };
}

describe('at a terminal', () => {
  test('is typed twice, and nothing of it is shown', async () => {
    const { password, modes, shown } = terminal('correct', ' horse', '\r', 'correct horse\r');
    expect(await password).toBe('correct horse');
    expect(shown()).toBe('New password of ada (nothing is shown): \nOnce more: \n');
    expect(modes).toEqual([true, false]);
  });

  test.each([
    ['backspace', 'corrr\u007f\bect\r', 'corect'],
    ['Ctrl-U', 'wrong\u0015right\r', 'right'],
    ['arrow keys', 'ab\u001b[A\u001b[1;5C\u001bOPc\r', 'abc'],
    ['backspace on nothing', '\u007f\u007fa\r', 'a'],
    ['letters beyond ASCII', 'pä🔑\u007fß\r', 'päß'],
    ['other control characters', 'a\tb\u0000c\r', 'abc'],
  ])('%s', async (_, keys, password) => {
    expect(await terminal(keys, `${password}\r`).password).toBe(password);
  });

  test('both are pasted at once', async () => {
    expect(await terminal('one and the same\rone and the same\r').password).toBe('one and the same');
  });

  test.each([
    ['another one the second time', ['first\r', 'second\r'], 'the two are not the same'],
    ['Ctrl-C', ['fir\u0003'], 'nothing was changed'],
    ['Ctrl-D', ['first\r\u0004'], 'nothing was changed'],
    ['a terminal that goes away', ['first\r'], 'nothing was changed'],
  ])('%s changes nothing, and the terminal shows what is typed again', async (_, keys, why) => {
    const { password, modes } = terminal(...keys);
    await expect(password).rejects.toThrow(why);
    expect(modes).toEqual([true, false]);
  });
});

describe('piped in', () => {
  const piped = (...pieces: string[]) =>
    readPassword(Readable.from(pieces.map((piece) => Buffer.from(piece))), new PassThrough(), 'ada');

  test.each([
    [['correct horse'], 'correct horse'],
    [['correct', ' horse\n'], 'correct horse'],
    [['correct horse\r\n'], 'correct horse'],
    [[' with blanks \n'], ' with blanks '],
  ])('%j', async (pieces, password) => {
    expect(await piped(...pieces)).toBe(password);
  });

  test.each([
    [[], 'no password was piped in'],
    [['\n'], 'no password was piped in'],
    [['one\ntwo\n'], 'more than one line'],
    [['x'.repeat(5000)], 'more was piped in than a password'],
  ])('%j is none', async (pieces, why) => {
    await expect(piped(...pieces)).rejects.toThrow(why);
  });
});
