/**
 * What a migration may do while the version before it is at work, and is brought back should the new one be no good: it
 * adds. What is not used any more goes in a later release, once nothing that runs knows of it.
 */

/** A row or more for each record or chunk: what has to read all of them takes long. */
const LONG_TABLES = [
  'chunks',
  'custom_ids',
  'record_journal',
  'learners',
  'enrollments',
  'questions',
  'attempts',
  'audit_log',
  'events',
  'idempotency_keys',
];

const RULES: [RegExp, string][] = [
  [/\bdrop\s+(table|column|view|type|schema)\b/, 'takes away what an older process may use'],
  [/\brename\b/, 'renames what an older process calls by its old name'],
  [/\balter\s+column\s+\S+\s+(set\s+data\s+)?type\b/, 'changes a type, which also rewrites the table'],
  [/\balter\s+column\s+\S+\s+set\s+not\s+null\b/, 'demands what an older process may leave out'],
  [/\balter\s+column\s+\S+\s+drop\s+default\b/, 'demands what an older process may leave out'],
  [
    /\badd\s+column\b(?=.*\bnot\s+null\b)(?!.*\bdefault\b)/,
    'adds a column that an older process does not fill',
  ],
  [/\badd\s+constraint\b(?!.*\bnot\s+valid\b)/, 'reads a whole table to see that a constraint holds'],
  [/\bcreate\s+unique\s+index\b/, 'demands of older processes what they may not keep to'],
  [/\b(truncate|vacuum\s+full|cluster|lock\s+table)\b/, 'keeps everybody out of a table'],
];

const INDEX = /\bcreate\s+(?:unique\s+)?index\b.*\bon\s+"?(\w+)"?/;
const NEW_TABLE = /\bcreate\s+table\s+(?:if\s+not\s+exists\s+)?"?(\w+)"?/;
/** Rows are changed one by one, under locks that others may wait for. */
const CHANGES_ROWS = /^\s*(update|delete)\b.*?\b(?:from\s+)?"?(\w+)"?/;

/** What is wrong with a migration, statement by statement. A table that it makes itself is empty. */
export function faultsOfMigration(text: string): string[] {
  const made = new Set<string>();
  return text.split('--> statement-breakpoint').flatMap((part) => {
    const statement = part
      .replaceAll(/^\s*--.*$/gm, '')
      .replaceAll(/\s+/g, ' ')
      .trim();
    const said = statement.toLowerCase();
    const table = NEW_TABLE.exec(said)?.[1];
    if (table !== undefined) made.add(table);
    // What a function does is not done by the migration.
    if (/^create (or replace )?function\b/.test(said)) return [];
    const onNew = [...made].some((name) => said.includes(`"${name}"`));
    const faults = onNew ? [] : RULES.filter(([rule]) => rule.test(said)).map(([, why]) => why);
    const indexed = INDEX.exec(said)?.[1];
    if (indexed !== undefined && LONG_TABLES.includes(indexed) && !made.has(indexed)) {
      faults.push('builds an index, and nobody can write to the table meanwhile');
    }
    if (CHANGES_ROWS.test(said)) faults.push('changes rows that others may be at');
    return faults.map((why) => `${why}: ${statement}`);
  });
}
