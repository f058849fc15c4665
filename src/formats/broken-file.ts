import type { FileFault } from '../core/errors.ts';

/** Thrown by what reads a file on, once all that can be read of it has come out: nothing comes after it. */
export class BrokenFile extends Error {
  readonly fault: FileFault;

  constructor(fault: FileFault) {
    super(fault.message);
    this.name = 'BrokenFile';
    this.fault = fault;
  }
}

/** What is wrong with the file. @throws whatever else it is */
export function faultOf(error: unknown): FileFault {
  if (error instanceof BrokenFile) return error.fault;
  throw error;
}
