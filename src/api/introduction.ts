import {
  BATCH_REASONS,
  FIELD_ERRORS,
  FILE_ERRORS,
  RECORD_ERRORS,
  REQUEST_ERRORS,
  type RequestErrorCode,
} from '../core/errors.ts';
import { statusOf } from './problem.ts';

export const TAGS = [
  { name: 'Uploads', description: 'A place for a file. The bytes go straight to the object store.' },
  {
    name: 'Batches',
    description: 'One operation on one upload: checked first, then processed, then answered.',
  },
  { name: 'Operations', description: 'What can be done with the records of a file.' },
  { name: 'Health', description: 'For whatever watches the server. Needs no key.' },
];

const STEPS = `Upload one file of records, name an operation, and every record is checked, processed once and answered.

## How a file is processed

\`\`\`sh
API=http://127.0.0.1:3000; KEY=…                     # an API key

# 1. A place for the file
curl -s $API/uploads -H "Authorization: Bearer $KEY" -X POST
#    → {"url": "…", "method": "PUT", "headers": {…}, "handler": "0199…", "validity_ts": …}

# 2. The file, straight to the object store: no key of ours, but every one of \`headers\`
curl -s -T learners.csv "<url>"

# 3. The batch
curl -s $API/batches -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \\
     -d '{"handler": "<handler>", "operation": "create_learner", "on_invalid": "skip"}'
#    → {"batch": "0199…", "status": "new", …}

# 4. Look again, no sooner than Retry-After says, until that header is gone: the batch has ended
curl -si $API/batches/<batch> -H "Authorization: Bearer $KEY"

# 5. The result of every record: presigned URLs, that need no key
curl -s $API/batches/<batch>/results -H "Authorization: Bearer $KEY"
\`\`\`

\`GET /operations\` tells what operations there are and what columns they read. A file is CSV in UTF-8 with a header row.

## A batch’s statuses

\`new\` → \`copying\` → \`copied\` → \`validating\` → \`processing\` → \`processed\` → \`writing_results\` → \`completed\`.
It may also end in \`hash_mismatch\`, \`validation_failed\` or \`failed\`; \`status_reason\` says why.

## Conventions

- Times are Unix seconds with three decimals (\`…_ts\`), ids are UUIDs, names are in snake_case.
- Unknown fields of a body and unknown parameters of a query are refused, never ignored.
- Lists answer \`{items, next_cursor}\`: give \`next_cursor\` as \`cursor\` for the next page.
- Every route names the permission that the role of the caller must allow (\`x-permission\`; null: none, and no key). To create a batch, the role must also allow the operation by its name.
- 503 carries \`Retry-After\`. Every answer carries \`X-Request-Id\`, which the log of the server knows.`;

/** What a newcomer reads first at /docs; the codes come from the catalogue, so that none is forgotten. */
export function introduction(): string {
  const requests = Object.entries(REQUEST_ERRORS).map(
    ([code, { title }]) => `| ${statusOf(code as RequestErrorCode)} | \`${code}\` | ${title} |`,
  );
  return [
    STEPS,
    '## Errors',
    'Every error is a [Problem](https://www.rfc-editor.org/rfc/rfc9457) with a stable `code`. All codes:',
    folded('Answers to requests', ['| status | code | meaning |', '|---|---|---|', ...requests].join('\n')),
    folded('In `errors[]` of `invalid_request`', codeTable(FIELD_ERRORS)),
    folded('In `status_reason` of a batch', codeTable({ ...BATCH_REASONS, ...FILE_ERRORS })),
    folded(
      'Of a failed record, in the result files, besides those of the operation (`failures`)',
      codeTable(RECORD_ERRORS),
    ),
  ].join('\n\n');
}

/** Out of the way of the routes until somebody looks for a code. */
function folded(title: string, table: string): string {
  const html = title.replaceAll(/`([^`]+)`/g, '<code>$1</code>');
  return `<details><summary>${html}</summary>\n\n${table}\n\n</details>`;
}

function codeTable(codes: Record<string, string>): string {
  const rows = Object.entries(codes).map(([code, meaning]) => `| \`${code}\` | ${meaning} |`);
  return ['| code | meaning |', '|---|---|', ...rows].join('\n');
}
