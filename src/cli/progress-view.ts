import type { Batch } from '../api/schemas/batch.ts';
import type { Paint } from './paint.ts';
import {
  endedLine,
  noteLine,
  plainEndedLine,
  plainRunningLine,
  runningLine,
  WIDEST,
} from './progress-lines.ts';
import { type EndedStage, endedStages, type RunningStage, runningStage } from './stages.ts';

/** Where a view writes; standard output is one. */
export interface Screen {
  write(text: string): unknown;
  /** Width of a terminal; may change at any time. */
  columns?: number;
}

export interface ProgressView {
  /** A line that stays, between the stages. */
  note(label: string, text: string): void;
  /** The stage that runs, as it is now. */
  running(stage: RunningStage): void;
  ended(stage: EndedStage): void;
  /** The line that was still changing is left as it is; whatever is written next begins a new one. */
  stop(): void;
}

const ERASE_LINE = '\r\u001b[2K';
const UNKNOWN_WIDTH = 80;

/** A bar for each stage: that of the running one is drawn again and again, those of the ended ones stay. */
export class TerminalView implements ProgressView {
  readonly #screen: Screen;
  readonly #paint: Paint;
  #isDrawn = false;

  constructor(screen: Screen, paint: Paint) {
    this.#screen = screen;
    this.#paint = paint;
  }

  note(label: string, text: string): void {
    this.#stay(noteLine(label, text, this.#width()));
  }

  running(stage: RunningStage): void {
    this.#screen.write(`${ERASE_LINE}${runningLine(stage, this.#width(), this.#paint)}`);
    this.#isDrawn = true;
  }

  ended(stage: EndedStage): void {
    this.#stay(endedLine(stage, this.#width(), this.#paint));
  }

  stop(): void {
    if (this.#isDrawn) this.#screen.write('\n');
    this.#isDrawn = false;
  }

  #stay(line: string): void {
    this.#screen.write(`${this.#isDrawn ? ERASE_LINE : ''}${line}\n`);
    this.#isDrawn = false;
  }

  /** One less than there is: a full last column makes some terminals begin a new line, which is not erased then. */
  #width(): number {
    return Math.min(WIDEST, (this.#screen.columns || UNKNOWN_WIDTH) - 1);
  }
}

/** How often a log is told that a stage is still running. */
const QUIET_MS = 2000;

/** Whole lines, for logs and pipes: one when a stage ends, and while it runs one every two seconds. */
export class PlainView implements ProgressView {
  readonly #screen: Screen;
  readonly #now: () => number;
  #lastLine: number;

  /** @param now milliseconds of a clock that never goes back */
  constructor(screen: Screen, now: () => number = () => performance.now()) {
    this.#screen = screen;
    this.#now = now;
    this.#lastLine = now();
  }

  note(label: string, text: string): void {
    this.#line(noteLine(label, text, WIDEST));
  }

  running(stage: RunningStage): void {
    if (this.#now() - this.#lastLine >= QUIET_MS) this.#line(plainRunningLine(stage, WIDEST));
  }

  ended(stage: EndedStage): void {
    this.#line(plainEndedLine(stage, WIDEST));
  }

  stop(): void {}

  #line(text: string): void {
    this.#lastLine = this.#now();
    this.#screen.write(`${text.trimEnd()}\n`);
  }
}

/** Feeds a view with the states of a batch, one after the other; answers the function to call with each. */
export function batchProgress(view: ProgressView, bytes: number): (batch: Batch) => void {
  let shown = 0;
  return (batch) => {
    const ended = endedStages(batch, bytes);
    for (const stage of ended.slice(shown)) view.ended(stage);
    shown = ended.length;
    const running = runningStage(batch);
    if (running !== null) view.running(running);
  };
}
