/** Colours of a terminal. Each function answers the text as it is when there are to be none. */
export interface Paint {
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  bad(text: string): string;
}

const sequence = (on: number, off: number) => (text: string) =>
  text === '' ? '' : `\u001b[${on}m${text}\u001b[${off}m`;
const plain = (text: string) => text;

const COLOURS: Paint = {
  bold: sequence(1, 22),
  dim: sequence(2, 22),
  good: sequence(32, 39),
  bad: sequence(31, 39),
};

export const NO_COLOURS: Paint = { bold: plain, dim: plain, good: plain, bad: plain };

/** Colours only on a terminal, and not where `NO_COLOR` has a value (https://no-color.org) or the terminal is dumb. */
export function paintFor(isTerminal: boolean, env: Record<string, string | undefined>): Paint {
  const refused = (env.NO_COLOR ?? '') !== '' || env.TERM === 'dumb';
  return isTerminal && !refused ? COLOURS : NO_COLOURS;
}
