/**
 * Settings of an operation as they were written on the command line, in the types that its schema names. What does
 * not fit stays text, so that it is the API that says what is wrong with it.
 */
export function typedSettings(
  written: Readonly<Record<string, string>>,
  schema: unknown,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(written).map(([key, text]) => [key, typed(text, typeOf(schema, key))]),
  );
}

function typeOf(schema: unknown, key: string): unknown {
  const properties = (schema as { properties?: Record<string, { type?: unknown }> } | undefined)?.properties;
  return properties !== undefined && Object.hasOwn(properties, key) ? properties[key]?.type : undefined;
}

function typed(text: string, type: unknown): unknown {
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  if ((type === 'number' || type === 'integer') && text.trim() !== '' && Number.isFinite(Number(text))) {
    return Number(text);
  }
  if (type === 'array' || type === 'object') return parsedJson(text);
  return text;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
