import { type FinalResult, failed } from '../../core/result.ts';
import type { Reference } from './template.ts';

/** A record has a value that its request cannot carry at that place. */
export class RequestInvalid extends Error {
  override name = 'RequestInvalid';
  readonly #field: string | undefined;

  /** @param reference what cannot be put in */
  constructor(reference: Reference | undefined, message: string) {
    super(message);
    this.#field = reference?.kind === 'record' ? reference.field.name : undefined;
  }

  asResult(): FinalResult<never> {
    const about = this.#field === undefined ? '' : `${this.#field} `;
    return failed('request_invalid', `${about}${this.message}`, this.#field);
  }
}
