import type { Readable, Writable } from 'node:stream';

/** Standard input, which is a terminal or not. */
export interface PasswordInput extends Readable {
  isTTY?: boolean;
  setRawMode?(raw: boolean): unknown;
}

/** Far more than the longest password: whoever pipes more has piped something else. */
const MOST_PIPED = 4096;

/**
 * A password from whoever calls a command: asked for twice at a terminal, which shows nothing of it, and else what is
 * piped in. Never an argument, which others on the machine could see and a shell would remember.
 * @throws {Error} that says why there is none
 */
export async function readPassword(input: PasswordInput, output: Writable, whose: string): Promise<string> {
  if (input.isTTY !== true) return await readPiped(input);
  const keys = input[Symbol.asyncIterator]();
  input.setEncoding('utf8');
  input.setRawMode?.(true);
  try {
    const typed = typing(keys);
    output.write(`New password of ${whose} (nothing is shown): `);
    const password = await typed();
    output.write('\nOnce more: ');
    const again = await typed();
    if (password !== again) throw new Error('the two are not the same; nothing was changed');
    return password;
  } finally {
    output.write('\n');
    input.setRawMode?.(false);
    input.destroy();
  }
}

async function readPiped(input: Readable): Promise<string> {
  let text = '';
  input.setEncoding('utf8');
  for await (const piece of input) {
    text += piece as string;
    if (text.length > MOST_PIPED) throw new Error('more was piped in than a password');
  }
  const password = text.replace(/\r?\n$/, '');
  if (password === '') throw new Error('no password was piped in');
  if (/[\r\n]/.test(password)) throw new Error('more than one line was piped in');
  return password;
}

const ESCAPE = '\u001b';
const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
const CTRL_U = '\u0015';
const BACKSPACES = ['\b', '\u007f'];
/** What arrow keys and the like send. */
const ESCAPES = new RegExp(`${ESCAPE}(?:\\[[0-9;?]*[ -/]*[@-~]|O.|.)`, 'g');

/** Answers what was typed up to Enter, again and again; what was pasted beyond it belongs to the next answer. */
function typing(keys: AsyncIterator<unknown>): () => Promise<string> {
  let waiting: string[] = [];
  return async () => {
    const typed: string[] = [];
    for (;;) {
      const key = waiting.shift();
      if (key === undefined) {
        const { value, done } = await keys.next();
        if (done === true) throw new Error('nothing was changed');
        waiting = [...String(value).replaceAll(ESCAPES, '')];
      } else if (key === CTRL_C || key === CTRL_D) {
        throw new Error('nothing was changed');
      } else if (key === '\r' || key === '\n') {
        return typed.join('');
      } else if (BACKSPACES.includes(key)) {
        typed.pop();
      } else if (key === CTRL_U) {
        typed.length = 0;
      } else if (key >= ' ') {
        typed.push(key);
      }
    }
  };
}
