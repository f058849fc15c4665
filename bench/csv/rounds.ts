export interface Contestant {
  name: string;
  /** Answers how many records it saw; 0 if it does not look for records. */
  run(): number;
}

/**
 * Runs all contestants in turns, so that a change of the machine's mood meets all of them, and prints the median time of each with its rates. The first round does not count.
 *
 * @param bytes size of the file, `records` the number that each contestant must see that looks
 */
export function compare(
  title: string,
  contestants: readonly Contestant[],
  size: { bytes: number; records: number },
  rounds = 5,
): void {
  const times = contestants.map((): number[] => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [index, contestant] of contestants.entries()) {
      const start = performance.now();
      const seen = contestant.run();
      const took = performance.now() - start;
      if (seen !== 0 && seen !== size.records) throw new Error(`${contestant.name} saw ${seen} records`);
      if (round > 0) times[index]?.push(took);
    }
  }
  console.log(`\n${title}: ${(size.bytes / 1e6).toFixed(0)} MB, ${size.records} records`);
  console.log('| | median ms | MB/s | thousand records/s |\n|---|---|---|---|');
  for (const [index, { name }] of contestants.entries()) {
    const ms = median(times[index] ?? []);
    const rates = [ms, size.bytes / 1e3 / ms, size.records / ms].map((value) => value.toFixed(0));
    console.log(`| ${name} | ${rates.join(' | ')} |`);
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
