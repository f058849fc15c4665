/** Seconds to wait after the given attempt (from 1): 1, 2, 4 … up to a minute, spread by half so that many do not meet. */
export function backoffSeconds(attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(60, 2 ** (attempt - 1));
  return ceiling * (0.5 + random() / 2);
}
