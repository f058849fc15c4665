/**
 * The codes that `errors[]` of `invalid_request` may carry, besides those of `RECORD_ERRORS`, which the settings of an
 * operation are checked with. The first part is found here at the edge, the second by `engine/`.
 */
export const FIELD_ERRORS = {
  required: 'A field that is needed is not given',
  unknown_field: 'There is no such field or parameter here; nothing that is not known is ignored',
  unknown_header: 'The header asks for something that this server does not do yet',
  invalid_type: 'The value has another type than the field',
  invalid_format: 'The value, or the name of a key, does not have the form that the field asks for',
  invalid_cursor: 'The cursor is not one that a page named',
  not_allowed: 'The value is not one of those allowed',
  too_short: 'The value is shorter than allowed',
  too_long: 'The value is longer than allowed',
  out_of_range: 'The number is outside the allowed range',
  too_many: 'There are more keys than allowed',
  too_deep: 'Arrays and objects are nested deeper than allowed',
  too_precise: 'The number cannot be kept exactly; send it as a string',
  nul_character: 'The text holds a NUL character, which cannot be stored',
  not_text: 'The text holds half of a surrogate pair, which is no character',
  reserved_name: 'A key has a name that is not allowed',
  invalid: 'The value breaks another rule of the schema',

  unknown_operation: 'There is no such operation',
  field_mapped_twice: 'Two columns are mapped to the same field',
  too_large: 'The value, or what it stands for, is larger than the limit',
} as const;

export type FieldErrorCode = keyof typeof FIELD_ERRORS;

const LONGEST_KEY_SHOWN = 200;

/** A pointer to a member; to its parent when the key is so long that naming it would drown the answer. */
export function memberPointer(parent: string, key: string): string {
  if (key.length > LONGEST_KEY_SHOWN) return parent;
  return `${parent}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}
