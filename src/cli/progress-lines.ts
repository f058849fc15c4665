import {
  fitted,
  formatAmount,
  formatBytes,
  formatCount,
  formatDuration,
  formatRate,
  formatTimeLeft,
} from './format.ts';
import type { Paint } from './paint.ts';
import type { EndedStage, RunningStage } from './stages.ts';

/**
 * Stages as lines of a table, which stays one while the last line still changes:
 *
 *     validate       ██████████████████░░░░░░  74,000 of 100,000 records  51,200/s  1–2 s left
 *
 * Pure functions: a view decides when to write them.
 */

/** Wider is not easier to read, and fits no README. */
export const WIDEST = 100;

const INDENT = 2;
const LABEL = 15;
const AMOUNT = 26;
const ENDED_AMOUNT = 15;
const RATE = 13;
const TIME = 13;
const LONGEST_BAR = 28;
const SHORTEST_BAR = 6;
const FULL = '█';
const EMPTY = '░';

/** The label, with what belongs to it: for lines that are no stages but stand among them. */
export function noteLine(label: string, text: string, width: number): string {
  return fitted(`${' '.repeat(INDENT)}${label.padEnd(LABEL)}${text}`, width);
}

/** A bar of some cells; with the share unknown it is empty. Full only when everything is done. */
export function bar(share: number | null, cells: number): string {
  const filled = share === null ? 0 : Math.floor(Math.min(1, Math.max(0, share)) * cells);
  return FULL.repeat(filled) + EMPTY.repeat(cells - filled);
}

/** The line of a stage that runs. */
export function runningLine(stage: RunningStage, width: number, paint: Paint): string {
  return tableLine(
    {
      label: stage.label,
      share: shareOf(stage),
      amount: doneOf(stage),
      rate: stage.perSecond === null ? '' : formatRate(stage.perSecond, stage.unit),
      time: stage.secondsLeft === null ? '' : formatTimeLeft(stage.secondsLeft),
    },
    width,
    paint,
  );
}

/** The line that stays of a stage. */
export function endedLine(stage: EndedStage, width: number, paint: Paint): string {
  return tableLine({ ...endedCells(stage), share: stage.amount === null ? null : 1 }, width, paint);
}

/** For logs and pipes: a running stage without a bar. */
export function plainRunningLine(stage: RunningStage, width: number): string {
  const rate = stage.perSecond === null ? [] : [formatRate(stage.perSecond, stage.unit)];
  const left = stage.secondsLeft === null ? [] : [formatTimeLeft(stage.secondsLeft)];
  return noteLine(stage.label, [doneOf(stage), ...rate, ...left].join(', '), width);
}

/** For logs and pipes: what stays of a stage, in columns. */
export function plainEndedLine(stage: EndedStage, width: number): string {
  const { label, amount, rate, time } = endedCells(stage);
  return noteLine(label, `${amount.padEnd(ENDED_AMOUNT)}${rate.padStart(RATE)}${time.padStart(TIME)}`, width);
}

interface Cells {
  label: string;
  share: number | null;
  amount: string;
  rate: string;
  time: string;
}

function endedCells({ label, unit, amount, seconds }: EndedStage): Omit<Cells, 'share'> {
  const time = formatDuration(seconds);
  if (amount === null) return { label, amount: 'stopped', rate: '', time };
  const rate = seconds > 0 ? formatRate(amount / seconds, unit) : '';
  return { label, amount: formatAmount(amount, unit), rate, time };
}

/** The bar takes what is left of the width; on a narrow terminal it goes, then the ends of the line do. */
function tableLine(cells: Cells, available: number, paint: Paint): string {
  const width = Math.min(available, WIDEST);
  const label = `${' '.repeat(INDENT)}${cells.label.padEnd(LABEL)}`;
  const numbers = `${cells.amount.padEnd(AMOUNT)}${cells.rate.padStart(RATE)}${cells.time.padStart(TIME)}`;
  const room = Math.min(LONGEST_BAR, width - label.length - numbers.length - 2);
  if (room >= SHORTEST_BAR) return `${label}${paintedBar(cells.share, room, paint)}  ${numbers.trimEnd()}`;
  const short = [cells.amount, cells.rate, cells.time].filter((cell) => cell !== '').join('  ');
  return fitted(label + short, width);
}

function paintedBar(share: number | null, room: number, paint: Paint): string {
  const cells = bar(share, room);
  const filled = cells.lastIndexOf(FULL) + 1;
  return paint.good(cells.slice(0, filled)) + paint.dim(cells.slice(filled));
}

function shareOf({ done, of }: RunningStage): number | null {
  if (of === null) return null;
  return of === 0 ? 1 : done / of;
}

function doneOf({ unit, done, of }: RunningStage): string {
  if (of === null) return formatAmount(done, unit);
  const first = unit === 'bytes' ? formatBytes(done) : formatCount(done);
  return `${first} of ${formatAmount(of, unit)}`;
}
