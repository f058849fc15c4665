import { PER_PAGE, type TrainingPage } from './schemas/training-page.ts';

interface ListRequest {
  url: string;
  query: { page?: number } & Record<string, unknown>;
}

/** The part of a list that a request asks for. */
export function askedPage({ query: { page = 1 } }: ListRequest): { page: number; perPage: number } {
  return { page, perPage: PER_PAGE };
}

/** A page as it is answered. Its links have the filters of the request; before a page that is past the end comes the last. */
export function pageAnswer<Item>(
  request: ListRequest,
  { count, results }: { count: number; results: Item[] },
): TrainingPage<Item> {
  const { page } = askedPage(request);
  const last = Math.max(1, Math.ceil(count / PER_PAGE));
  return {
    count,
    next: page < last ? linkTo(request, page + 1) : null,
    previous: page > 1 ? linkTo(request, Math.min(page - 1, last)) : null,
    per_page: PER_PAGE,
    results,
  };
}

function linkTo({ url, query }: ListRequest, page: number): string {
  const [path = ''] = url.split('?', 1);
  const parameters = new URLSearchParams(
    Object.entries({ ...query, page }).map(([name, value]) => [name, String(value)] as [string, string]),
  );
  return `${path}?${parameters}`;
}
