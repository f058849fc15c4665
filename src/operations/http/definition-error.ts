/** One thing that is wrong with a definition, and where. */
export interface DefinitionFault {
  path: readonly (string | number)[];
  /** Says what to change. */
  message: string;
}

export class DefinitionError extends Error {
  override name = 'DefinitionError';
  readonly faults: readonly DefinitionFault[];

  constructor(faults: readonly DefinitionFault[], options?: ErrorOptions) {
    super(faults.map(({ path, message }) => `${inWords(path)}: ${message}`).join('\n'), options);
    this.faults = faults;
  }
}

/** `request.headers["X-Api-Key"]`, `failure[0].when` */
export function inWords(path: readonly (string | number)[]): string {
  if (path.length === 0) return 'the operation';
  const steps = path.map((step) => {
    if (typeof step === 'number' || /^\d+$/.test(step)) return `[${step}]`;
    return /^[A-Za-z_$][\w$]*$/.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`;
  });
  return steps.join('').replace(/^\./, '');
}

export function wrong(path: readonly (string | number)[], message: string, cause?: unknown): DefinitionError {
  return new DefinitionError([{ path, message }], { cause });
}

/** What `make` throws is told of this place. */
export function at<Made>(path: readonly (string | number)[], make: () => Made): Made {
  try {
    return make();
  } catch (error) {
    if (error instanceof DefinitionError) throw error;
    throw wrong(path, error instanceof Error ? error.message : String(error), error);
  }
}
