import { readFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import type { Leftovers } from './aftermath.ts';
import { type Course, coursesOf } from './flatness.ts';
import type { Sample } from './samples.ts';

/** All that a soak found. */
export interface Soaked {
  minutes: number;
  seed: number;
  queue: 'PostgreSQL' | 'Redis';
  lives: Map<string, number>;
  mishaps: Map<string, number>;
  refusals: Map<string, number>;
  /** Records whose results were held against what took effect. */
  records: number;
  resumed: number;
  /** What was wrong, with whose life it was. */
  faults: string[];
  /** Programs that ended without having been told to. */
  fallen: string[];
  /** How often one that was to take another's place did not come up, because what it needs was away. */
  notStarted: number;
  samples: Sample[];
  /** Doing nothing, before the first file came and after the last was gone. */
  before: Sample;
  after: Sample;
  left: Leftovers;
}

/** In less time than this nothing can be said about what grows slowly. */
const LEAST_MINUTES = 10;

/** As Markdown. @returns also whether all is as it should be */
export async function report(soaked: Soaked): Promise<{ text: string; good: boolean }> {
  const courses = coursesOf(soaked.samples);
  const judged = soaked.minutes >= LEAST_MINUTES;
  const growing = judged ? courses.filter(({ flat }) => !flat).map(({ name }) => name) : [];
  const { faults, fallen, left } = soaked;
  const good = faults.length + fallen.length + growing.length + left.batches + left.rows === 0;
  const text = `# The last soak

${soaked.minutes} minutes, seed ${soaked.seed}, queue on ${soaked.queue}, ${await machine()}.
${judged ? '' : `\nToo short to say what is flat: that takes ${LEAST_MINUTES} minutes.\n`}
${count(soaked.lives)} files with ${soaked.records.toLocaleString('en')} records in batches that have ended, checked one by one:
${listed(soaked.lives)}

${count(soaked.mishaps)} mishaps: ${listed(soaked.mishaps)}

Answered with a wait, or not at all: ${listed(soaked.refusals) || 'nothing'}. Batches that failed for want of what they stand on, and
were resumed: ${soaked.resumed}. Workers that did not come up at once, and were started again: ${soaked.notStarted}.

Faults: ${faults.length === 0 ? 'none' : ''}
${lines(faults)}
Programs that ended by themselves: ${fallen.length === 0 ? 'none' : ''}
${lines(fallen.map((log) => log.slice(-2000)))}
## Whether it stays flat

*early* and *late* are the medians of the second and the last quarter of the time; *an hour* is the slope of the straight line
with the least squares, from the second quarter on.

| | early | late | most | an hour | |
|---|---|---|---|---|---|
${courses.map((course) => row(course, judged)).join('\n')}

## Before and after, with nothing to do

After: every batch deleted, every upload expired.

| | before | after |
|---|---|---|
${pairs(soaked)
  .map(([name, before, after]) => `| ${name} | ${rounded(before)} | ${rounded(after)} |`)
  .join('\n')}

Left over: ${left.batches} batches, ${left.rows} rows of chunks and uploads, ${rounded(left.store)} MB in the object store,
${rounded(left.scratch)} MB of temporary files.
`;
  return { text: text.replaceAll(/\n{3,}/g, '\n\n'), good };
}

const rounded = (value: number) => String(Math.round(value * 10) / 10);
const count = (things: Map<string, number>) => [...things.values()].reduce((sum, times) => sum + times, 0);
const listed = (things: Map<string, number>) =>
  [...things].map(([name, times]) => `${name} ${times}`).join(' · ');
const lines = (texts: readonly string[]) => texts.map((text) => `- ${text}\n`).join('');

function row({ name, unit, early, late, most, perHour, flat }: Course, judged: boolean): string {
  const cells = [early, late, most].map((value) => `${rounded(value)} ${unit}`.trim());
  const slope = `${perHour < 0 ? '' : '+'}${rounded(perHour)}`;
  return `| ${name} | ${cells.join(' | ')} | ${slope} | ${judged ? (flat ? 'flat' : '**grows**') : ''} |`;
}

function pairs({ before, after }: Soaked): [string, number, number][] {
  const names = Object.keys(before.memory);
  return [
    ...names.map((name): [string, number, number] => [
      `memory of the ${name}, MB`,
      before.memory[name]!,
      after.memory[name]!,
    ]),
    ...names.map((name): [string, number, number] => [
      `open files of the ${name}`,
      before.files[name]!,
      after.files[name]!,
    ]),
    ['database connections', before.connections, after.connections],
    ['tables, but for the learners, MB', before.database, after.database],
    ['object store, MB', before.store, after.store],
    ['temporary files, MB', before.scratch, after.scratch],
  ];
}

async function machine(): Promise<string> {
  const cpus = (await readFile('/proc/cpuinfo', 'latin1')).match(/^processor/gm)?.length ?? 0;
  return `Node ${process.versions.node}, ${cpus} cores, load ${Math.round(loadavg()[2]!)} at the end`;
}
