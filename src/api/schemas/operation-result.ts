import type { TObject } from 'typebox';

/** What a call of an operation answers: the output is the operation's own. */
export interface OperationResult {
  status: 'succeeded';
  output: unknown;
}

/** A schema stands in the document of its operation alone, so it is no component. */
export function operationResult(output: TObject): object {
  return {
    type: 'object',
    properties: { status: { type: 'string', const: 'succeeded' }, output: { ...output } },
    required: ['status', 'output'],
  };
}
