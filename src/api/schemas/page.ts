import { type Static, Type } from 'typebox';
import { type Component, component, nullable, reference } from './component.ts';

/** Of lists that are read page by page, without filters. */
export const PageQuery = Type.Object(
  {
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 100, description: 'How many at most; 20 when left out.' }),
    ),
    cursor: Type.Optional(
      Type.String({ maxLength: 200, description: '`next_cursor` of the page before; opaque.' }),
    ),
  },
  { additionalProperties: false },
);

export type PageQuery = Static<typeof PageQuery>;

export function pageOf<T extends Component>(name: string, items: T, description: string) {
  return component(
    name,
    Type.Object(
      {
        items: Type.Array(reference(items)),
        next_cursor: nullable(
          Type.String({ description: 'Give it as `cursor` to get the next page; null on the last one.' }),
        ),
      },
      { description },
    ),
  );
}
