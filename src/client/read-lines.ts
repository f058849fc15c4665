import { SheafError } from './sheaf-error.ts';

/** Far longer than any line of the API's: what has no end of line by then is none of its answers. */
const LONGEST_LINE = 64 * 1024 ** 2;

/** JSON, a line each, as it comes. @throws {SheafError} invalid_answer: a line is no JSON, or the last one is cut off */
export async function* readLines<T>(pieces: AsyncIterable<Uint8Array>, what: string): AsyncGenerator<T> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const piece of pieces) {
    const lines = (rest + decoder.decode(piece, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LONGEST_LINE) throw invalid(what, 'a line has no end');
    for (const line of lines) yield parsed<T>(line, what);
  }
  if (rest + decoder.decode() !== '') throw invalid(what, 'the answer is cut off');
}

function parsed<T>(line: string, what: string): T {
  try {
    return JSON.parse(line) as T;
  } catch (error) {
    throw invalid(what, 'a line is no JSON', error);
  }
}

function invalid(what: string, why: string, cause?: unknown): SheafError {
  return new SheafError(0, 'invalid_answer', `${what} was not answered with lines of JSON: ${why}`, {
    cause,
  });
}
