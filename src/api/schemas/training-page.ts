import { Type } from 'typebox';
import { type Component, component, nullable, reference } from './component.ts';

/** The lists under `/training`. */

export const PER_PAGE = 20;

/** Rows before it are counted, so that a page is not looked for where no list can be. */
const LAST_PAGE = 1_000_000_000;

/** The parameter that every list takes. */
export const page = Type.Optional(
  Type.Integer({
    minimum: 1,
    maximum: LAST_PAGE,
    description: `Which page, of ${PER_PAGE} at most; the first when left out.`,
  }),
);

/** The parameters of a list without filters. */
export const PageQuery = Type.Object({ page }, { additionalProperties: false });

/** A page of a list: a component of its own for each kind of item. */
export function pageOf<T extends Component>(name: string, item: T, description: string) {
  return component(
    name,
    Type.Object(
      {
        count: Type.Integer({ minimum: 0, description: 'Of the whole list, with these filters.' }),
        next: nullable(Type.String({ description: 'Path of the next page; null on the last.' })),
        previous: nullable(Type.String({ description: 'Path of the page before; null on the first.' })),
        per_page: Type.Integer({ minimum: 1, description: 'Most items of a page.' }),
        results: Type.Array(reference(item)),
      },
      { description },
    ),
  );
}

/** What `pageOf` describes. */
export interface TrainingPage<Item> {
  count: number;
  next: string | null;
  previous: string | null;
  per_page: number;
  results: Item[];
}
