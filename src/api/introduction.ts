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
  {
    name: 'Training',
    description: 'What the operations on learners, cohorts and exams have made. They are the only writes.',
  },
  {
    name: 'Access',
    description: 'Who may do what in the account: users with passwords, keys for programs, and their roles.',
  },
  {
    name: 'Administration',
    description:
      'For whoever runs this Sheaf: the batches of all accounts, the accounts and their limits, and the audit log. Counts only in the account that administers.',
  },
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
#    or be told of everything as it happens, until the event \`end\`
curl -sN $API/batches/<batch>/events -H "Authorization: Bearer $KEY"

# 5. The result of every record: presigned URLs, that need no key
curl -s $API/batches/<batch>/results -H "Authorization: Bearer $KEY"
\`\`\`

\`GET /operations\` tells what operations there are and what columns they read; \`GET /operations/{name}/template\` gives a file to fill in.

## One record at once

\`POST /operations/{name}\` with the record as its body runs one record by the same path as a file, and answers with what came of it:

\`\`\`sh
curl -s $API/operations/create_learner -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \\
     -d '{"learner_id": "ada", "email": "ada@example.org"}'
#    → {"status": "succeeded", "output": {"learner_id": "ada", "action": "created"}}
\`\`\`

What a batch says in \`settings\` goes into the query. A record that fails is a Problem whose \`code\` is the one that it would have in the results.

## Files

CSV, NDJSON, a JSON array of objects, or XLSX; each may be gzipped. What a file is, its encoding (UTF-8, UTF-16 or Windows-1252), delimiter, quote and
header row are told by its content, never by its name; \`read\` of the batch says as what it was read, and \`format\` of the request states what is
to be known better. How numbers and dates are written is never guessed: a decimal comma, thousands separators, dates that are not ISO 8601
and a time zone are stated in \`format\`. \`first_errors\` and \`error_codes\` of the batch tell what is wrong with its records while it runs; the result files tell all.

## A batch’s statuses

\`new\` → \`copying\` → \`copied\` → \`validating\` → \`processing\` → \`processed\` → \`writing_results\` → \`completed\`;
a dry run goes from \`validating\` to \`completed\`. It may also end in \`hash_mismatch\`, \`validation_failed\` or \`failed\`; \`status_reason\` says why.

- **Cancel**: \`PATCH /batches/{batch}\` with \`{"status": "cancel"}\` leads from any status before \`writing_results\` through \`cancel\` and \`cancelling\` to \`cancelled\`. What is done keeps its results; the rest comes as a file that can be submitted again.
- **Resume**: a batch in \`failed\` that is \`resumable\` goes on where it failed with \`{"status": "resume"}\`. One that failed at its limit (\`stop_after\`) needs a higher one.
- **Retry**: \`POST /batches/{batch}/retry\` makes a new batch of the records of an ended one that failed or were not processed, or of a corrected file; \`retry_of\` and \`retries\` name each other.
- **Delete**: \`DELETE /batches/{batch}\` leads through \`deleting\` to nothing: the batch is not found any more. One that runs is cancelled first, or waited for.
- **Expiry**: the files of a batch are removed \`expires_after\` seconds after it has ended (\`expires_ts\`); the batch itself stays in the list.

In every terminal status \`succeeded\` + \`failed\` + \`skipped\` + \`unprocessed\` is the number of records, once they are counted.

## Sending a request again

An answer may be lost on its way, and a POST that is sent again may do its work twice. Send it with an \`Idempotency-Key\`
of your choice, 1 to 255 printable ASCII characters, a UUID for example. For 24 hours the same request with the same key then gets the same answer, with
\`Idempotent-Replayed: true\`, and takes effect once, however many arrive at the same time. Keys are kept for each account and route. The same key with another body is refused
(\`idempotency_key_reused\`). Only what took effect is kept: after an error the key may be used again. A POST that cannot honour a key
refuses it; GET, PATCH and DELETE may be repeated as they are, and need none.

## Conventions

- Times are Unix seconds with three decimals (\`…_ts\`), ids are UUIDs, names are in snake_case.
- Unknown fields of a body and unknown parameters of a query are refused, never ignored; so are keys and parameters that are given twice.
- Lists answer \`{items, next_cursor}\`: give \`next_cursor\` as \`cursor\` for the next page, with the same filters. Those under \`/training\` answer \`{count, next, previous, per_page, results}\`: \`next\` is the path of the next page.
- Every route names the permission that the role of the caller must allow (\`x-permission\`; \`anyone\`: none, only a key or a token; null: not even that). To create a batch, the role must also allow the operation by its name.
- Requests are counted, for the account and what is asked for. \`RateLimit-Policy\` says how many there are in how many seconds (\`q\`, \`w\`), \`RateLimit\` how many are left and when all are there again (\`r\`, \`t\`). When none is left the answer is 429 \`rate_limited\`.
- 429 and 503 carry \`Retry-After\`. Every answer carries \`X-Request-Id\`, which the log of the server knows.`;

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
