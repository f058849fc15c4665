/**
 * What the command line says of a file, in the types of the API. What does not fit stays as it is, so that it is the
 * API that says what is wrong with it.
 */
export function typedFormat(
  written: Readonly<Record<string, string | string[]>>,
): Record<string, string | string[] | number> {
  return Object.fromEntries(Object.entries(written).map(([key, value]) => [key, typed(key, value)]));
}

function typed(key: string, value: string | string[]): string | string[] | number {
  if (key === 'header_row' && typeof value === 'string' && /^\d{1,15}$/.test(value)) return Number(value);
  // A tab is hard to type.
  return (key === 'delimiter' || key === 'quote') && value === '\\t' ? '\t' : value;
}
