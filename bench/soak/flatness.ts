import type { Sample } from './samples.ts';

/** How something went over the time of a soak. */
export interface Course {
  name: string;
  unit: string;
  /** Medians of the second and of the last quarter of the time: the first is for warming up. */
  early: number;
  late: number;
  most: number;
  /** Slope of the straight line through all samples after the first quarter. */
  perHour: number;
  flat: boolean;
}

interface Measure {
  name: string;
  unit: string;
  of: (sample: Sample) => number;
  /** How much more than early it may be late. */
  slack: number;
}

const MOST_GROWTH = 1.15;

/** Flat: late it is not more than early, but for 15 % and a slack for what comes and goes. */
export function coursesOf(samples: readonly Sample[]): Course[] {
  const names = Object.keys(samples[0]?.memory ?? {});
  const measures: Measure[] = [
    ...names.map((name) => ({
      name: `memory of the ${name}`,
      unit: 'MB',
      of: ({ memory }: Sample) => memory[name]!,
      slack: 40,
    })),
    { name: 'most memory of a struck worker', unit: 'MB', of: (it) => it.struckMemory, slack: 60 },
    ...names.map((name) => ({
      name: `open files of the ${name}`,
      unit: '',
      of: ({ files }: Sample) => files[name]!,
      slack: 20,
    })),
    { name: 'database connections', unit: '', of: (it) => it.connections, slack: 15 },
    { name: 'tables, but for the learners', unit: 'MB', of: (it) => it.database, slack: 30 },
    { name: 'object store', unit: 'MB', of: (it) => it.store, slack: 60 },
    { name: 'temporary files', unit: 'MB', of: (it) => it.scratch, slack: 60 },
  ];
  return measures.map((measure) => courseOf(measure, samples));
}

function courseOf({ name, unit, of, slack }: Measure, samples: readonly Sample[]): Course {
  const end = samples.at(-1)?.at ?? 0;
  const within = (from: number, to: number) => samples.filter(({ at }) => at >= end * from && at <= end * to);
  const early = median(within(0.25, 0.5).map(of));
  const late = median(within(0.75, 1).map(of));
  const warm = within(0.25, 1).map((it): [number, number] => [it.at / 3600, of(it)]);
  const flat = late <= early * MOST_GROWTH + slack;
  return { name, unit, early, late, most: Math.max(...samples.map(of)), perHour: slope(warm), flat };
}

function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[values.length >> 1] ?? 0;
}

/** Of the straight line with the least squares. */
function slope(points: readonly [number, number][]): number {
  const mean = (of: (point: [number, number]) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [x, y] = [mean(([at]) => at), mean(([, value]) => value)];
  const spread = points.reduce((sum, [at]) => sum + (at - x) ** 2, 0);
  if (spread === 0) return 0;
  return points.reduce((sum, [at, value]) => sum + (at - x) * (value - y), 0) / spread;
}
