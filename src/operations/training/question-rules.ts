import { parseDecimal } from '../../core/number.ts';
import { failed, shortened } from '../../core/result.ts';
import type { QuestionInput } from './question-input.ts';

export const QUESTION_FAILURES = {
  options_wrong: 'The options do not go with the type, leave a letter out, or repeat each other',
  answer_wrong: 'The answer is missing, names an option that is not there, or does not go with the type',
};

const LETTERS = ['a', 'b', 'c', 'd', 'e', 'f'] as const;

/** A question in the form in which it is stored. */
export interface CheckedQuestion {
  options: string[];
  /** Letters are in their order, with `;` between them. */
  answer: string | null;
}

type Failure = ReturnType<typeof failed<never>>;

/** Checks what goes together in a question; a failure has a `status`. */
export function checkQuestion(input: QuestionInput): CheckedQuestion | Failure {
  const given = LETTERS.map((letter) => input[`option_${letter}`]);
  const count = given.findLastIndex((option) => option !== undefined) + 1;
  const options = given.slice(0, count);
  const failure = optionsFailure(input, options);
  if (failure !== undefined) return failure;
  const answer = checkAnswer(input, options.length);
  if (answer !== null && typeof answer !== 'string') return answer;
  return { options: options as string[], answer };
}

function optionsFailure({ type }: QuestionInput, options: (string | undefined)[]): Failure | undefined {
  const wrong = (message: string, index: number) =>
    failed<never>('options_wrong', message, `option_${LETTERS[index]!}`);
  const chosen = type === 'single' || type === 'multiple';
  if (!chosen) {
    const index = options.findIndex((option) => option !== undefined);
    return index === -1 ? undefined : wrong(`a question of the type ${type} has no options`, index);
  }
  const gap = options.indexOf(undefined);
  if (gap !== -1) return wrong(`option ${LETTERS[gap]} is left out, but a later one is given`, gap);
  if (options.length < 2)
    return wrong(`a question of the type ${type} needs at least two options`, options.length);
  const again = options.findIndex((option, index) => options.indexOf(option) < index);
  if (again === -1) return undefined;
  const first = LETTERS[options.indexOf(options[again])];
  return wrong(`the options ${first} and ${LETTERS[again]} are the same`, again);
}

function checkAnswer({ type, answer }: QuestionInput, options: number): string | null | Failure {
  const wrong = (message: string) => failed<never>('answer_wrong', message, 'answer');
  if (answer === undefined) {
    return type === 'text' ? null : wrong(`a question of the type ${type} needs an answer`);
  }
  const plain = answer.trim().toLowerCase();
  switch (type) {
    case 'text':
      return answer;
    case 'number':
      if (parseDecimal(answer.trim()) !== null) return answer.trim();
      return wrong(`the answer "${shortened(answer)}" is not a number`);
    case 'true_false':
      if (plain === 'true' || plain === 'false') return plain;
      return wrong(`the answer "${shortened(answer)}" is neither true nor false`);
    default:
      return lettersOf(plain, options, type === 'single') ?? wrong(notAnOption(answer, options, type));
  }
}

/** The letters that an answer names, in their order; `undefined`: it names something else. */
function lettersOf(answer: string, options: number, one: boolean): string | undefined {
  const named = answer.split(/[;,]/).map((letter) => letter.trim());
  const known: readonly string[] = LETTERS.slice(0, options);
  if (!named.every((letter) => known.includes(letter)) || (one && named.length > 1)) return undefined;
  return known.filter((letter) => named.includes(letter)).join(';');
}

function notAnOption(answer: string, options: number, type: 'single' | 'multiple'): string {
  const must = type === 'single' ? 'one letter' : 'letters with ; between them,';
  return `the answer "${shortened(answer)}" must be ${must} from a to ${LETTERS[options - 1]}, the options given`;
}
