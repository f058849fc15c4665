import type { FileFault } from '../../core/errors.ts';
import type { Encoding } from '../../core/file-format.ts';
import { withoutOffset } from '../converted-file.ts';
import type { SniffedText } from '../detect/sniff-text.ts';
import { JsonLines } from './json-lines.ts';
import { LoneCrToLf } from './lone-cr.ts';
import { NO_BYTES, type TextStep } from './text-step.ts';
import { Utf16Decoder } from './utf-16.ts';
import { Windows1252Decoder } from './windows-1252.ts';

/** What turns text of an encoding into UTF-8: nothing, where it is. */
export function decoderOf(encoding: Encoding): TextStep[] {
  if (encoding === 'utf-8') return [];
  return [encoding === 'windows-1252' ? new Windows1252Decoder() : new Utf16Decoder(encoding)];
}

/** What turns text into lines that are records: nothing, where they are. */
export function lineMakerOf(text: SniffedText): TextStep[] {
  if (text.type === 'json') return [new JsonLines()];
  return text.type === 'csv' && text.dialect.lineEnd === 'cr' ? [new LoneCrToLf(text.dialect)] : [];
}

/** Several steps, one after the other. */
export class TextSteps implements TextStep {
  readonly #steps: readonly TextStep[];

  constructor(steps: readonly TextStep[]) {
    this.#steps = steps;
  }

  push(piece: Buffer): Buffer {
    return this.#steps.reduce((bytes, step) => step.push(bytes), piece);
  }

  finish(): Buffer {
    return this.#steps.reduce((bytes, step) => Buffer.concat([step.push(bytes), step.finish()]), NO_BYTES);
  }

  /** Offsets are of what went in, so only the first step has one to tell. */
  get fault(): FileFault | undefined {
    const index = this.#steps.findIndex((step) => step.fault !== undefined);
    const fault = this.#steps[index]?.fault;
    return index > 0 && fault !== undefined ? withoutOffset(fault) : fault;
  }
}
