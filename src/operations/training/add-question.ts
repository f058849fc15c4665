import Type from 'typebox';
import { defineOperation, type OperationRecord } from '../../core/operation.ts';
import { failed, type RecordResult, succeeded } from '../../core/result.ts';
import type { TransactionSql } from '../../core/sql.ts';
import { MOST_QUESTIONS } from './exam-input.ts';
import { examNotFound } from './exam-not-found.ts';
import { lockExams, readExams, type StoredExam } from './exam-store.ts';
import { type QuestionInput, questionInput } from './question-input.ts';
import { checkQuestion, QUESTION_FAILURES } from './question-rules.ts';
import { insertQuestions, type NewQuestion, takenNumbers } from './question-store.ts';

const output = Type.Object({ exam: Type.String(), number: Type.Integer() }, { additionalProperties: false });
type QuestionResult = RecordResult<{ exam: string; number: number }>;

/** Adds questions to exams. Of two records with the same number the first in the file wins within a chunk. */
export const addQuestion = defineOperation({
  name: 'add_question',
  version: 1,
  title: 'Add questions to exams',
  description: 'Adds the question of each record to the exam that it names.',
  input: questionInput,
  output,
  failures: {
    ...QUESTION_FAILURES,
    exam_not_found: 'There is no exam with this slug',
    question_exists: 'The exam has a question with this number, or an earlier record of the file has it',
    too_many_questions: `The exam has as many questions as it states, or as an exam can have: ${MOST_QUESTIONS}`,
  },
  template: {
    examples: [
      {
        exam: 'algebra-1-midterm',
        number: 1,
        question: 'Which of these are prime?',
        type: 'multiple',
        option_a: '2',
        option_b: '9',
        option_c: '11',
        answer: 'a;c',
        explanation: '9 is 3 times 3',
        marks: 4,
      },
      { exam: 'algebra-1-midterm', question: '7 times 8?', type: 'number', answer: '56' },
    ],
  },
  run: async (records, { accountId, sql }) => await addQuestions(records, accountId, sql),
});

async function addQuestions(
  records: readonly OperationRecord<QuestionInput>[],
  accountId: string,
  sql: TransactionSql,
): Promise<QuestionResult[]> {
  const slugs = [...new Set(records.map(({ input }) => input.exam))];
  await lockExams(sql, accountId, slugs);
  const exams = await readExams(sql, accountId, slugs);
  const wanted = records.flatMap(({ input: { exam, number } }) =>
    number === undefined ? [] : [{ exam, number }],
  );
  const taken = await takenNumbers(sql, accountId, wanted);
  const added: NewQuestion[] = [];
  const results = records.map(({ input }): QuestionResult => {
    const exam = exams.get(input.exam);
    if (exam === undefined) return examNotFound(input.exam, 'exam');
    const checked = checkQuestion(input);
    if ('status' in checked) return checked;
    const number = input.number ?? exam.lastQuestion + 1;
    const numbers = taken.get(exam.slug) ?? new Set();
    const failure = placeFailure(exam, number, numbers);
    if (failure !== undefined) return failure;
    taken.set(exam.slug, numbers.add(number));
    exam.questions += 1;
    exam.lastQuestion = Math.max(exam.lastQuestion, number);
    added.push({ ...checked, input, number });
    return succeeded({ exam: exam.slug, number });
  });
  if (added.length > 0) await insertQuestions(sql, accountId, added);
  return results;
}

function placeFailure(exam: StoredExam, number: number, taken: ReadonlySet<number>) {
  if (taken.has(number)) {
    const message = `the exam "${exam.slug}" has a question ${number} already`;
    return failed<never>('question_exists', message, 'number');
  }
  const most = exam.stated ?? MOST_QUESTIONS;
  if (exam.questions < most && number <= MOST_QUESTIONS) return undefined;
  const message =
    number > MOST_QUESTIONS
      ? `the question would be number ${number}; the last number is ${MOST_QUESTIONS}`
      : `the exam "${exam.slug}" has all of its ${most} questions already`;
  return failed<never>('too_many_questions', message, 'exam');
}
