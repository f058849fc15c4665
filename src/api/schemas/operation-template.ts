import { type Static, Type } from 'typebox';
import { TEMPLATE_FORMATS } from '../../formats/template/table.ts';

export const TemplateQuery = Type.Object(
  {
    format: Type.Optional(
      Type.Enum(TEMPLATE_FORMATS, { description: 'The type of the file; `xlsx` when left out.' }),
    ),
  },
  {
    patternProperties: {
      // Which there are depends on the operation, and is checked with it.
      '^(?!format$)': {
        type: 'string',
        maxLength: 1000,
        // How the documents call it, where a parameter needs a name.
        title: 'parameters',
        description:
          'What the operation wants to know to fill the file in, each under its own name, as `exam=algebra-1`. Operations that fill nothing in take none.',
        // The documents fill it in when a request is tried out.
        examples: [{}],
      },
    },
    additionalProperties: false,
  },
);

type TemplateQuery = Static<typeof TemplateQuery>;

/** The parameters besides the format. */
export function parametersOf({ format: _format, ...others }: TemplateQuery): Record<string, string> {
  return others as Record<string, string>;
}
