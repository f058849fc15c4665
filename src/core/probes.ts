/** Records of a chunk that follow each other. */
export interface RecordSpan {
  /** Number of the first. */
  from: number;
  /** Number of the last. */
  to: number;
}

/** A span that is to be tried alone, and how often it crashed its process so far. */
export interface Probe extends RecordSpan {
  crashes: number;
}

/** A record is given up once it has crashed its process alone so often. */
export const MOST_CRASHES_ALONE = 3;

/** What is to be tried next of a suspect chunk, and which of its records are given up. */
export interface Probing {
  probes: readonly Probe[];
  crashed: readonly number[];
}

/** The spans with which the search begins, and begins again when all were tried and records still wait. */
export function firstProbes({ firstRecord, records }: { firstRecord: number; records: number }): Probe[] {
  return [{ from: firstRecord, to: firstRecord + records - 1, crashes: 0 }];
}

/**
 * Into so many parts a span is cut that has crashed its process. Those that go well cost a call each and the one that
 * does not a process, which takes far longer: so one record of 5,000 is found with three crashes instead of thirteen.
 */
const PARTS = 32;

/**
 * What follows when a span has crashed its process: those before it went well, and its parts are tried one after the
 * other. A single record is counted, and given up in the end.
 * @returns `null` when it is none of the spans that are to be tried
 */
export function afterCrash({ probes, crashed }: Probing, span: RecordSpan): Probing | null {
  const at = probes.findIndex(({ from, to }) => from === span.from && to === span.to);
  const probe = probes[at];
  if (probe === undefined) return null;
  const rest = probes.slice(at + 1);
  if (probe.from < probe.to) return { probes: [...partsOf(probe), ...rest], crashed };
  const crashes = probe.crashes + 1;
  if (crashes < MOST_CRASHES_ALONE) return { probes: [{ ...probe, crashes }, ...rest], crashed };
  return { probes: rest, crashed: [...crashed, probe.from] };
}

function partsOf({ from, to }: RecordSpan): Probe[] {
  const size = Math.ceil((to - from + 1) / PARTS);
  const parts: Probe[] = [];
  for (let first = from; first <= to; first += size) {
    parts.push({ from: first, to: Math.min(first + size - 1, to), crashes: 0 });
  }
  return parts;
}
