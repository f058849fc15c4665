import type { HttpRequest } from '../../core/http.ts';
import { type BodyTemplate, bodyTemplate } from './body-template.ts';
import { wrong } from './definition-error.ts';
import type { RequestDefinition } from './definition-schema.ts';
import { HeaderTemplates } from './header-templates.ts';
import type { Scope, TemplateReader } from './template.ts';
import { UrlTemplate } from './url-template.ts';

export const DEFAULT_KEY_HEADER = 'Idempotency-Key';

/** Makes a record’s request. The same record and key make the same request, on every attempt. */
export class RequestBuilder {
  readonly #method: string;
  readonly #keyHeader: string;
  readonly #url: UrlTemplate;
  readonly #headers: HeaderTemplates;
  readonly #body: BodyTemplate | undefined;

  /** @throws {DefinitionError} */
  constructor(request: RequestDefinition, templates: TemplateReader) {
    this.#method = request.method;
    this.#keyHeader = request.idempotency_header ?? DEFAULT_KEY_HEADER;
    this.#url = new UrlTemplate(templates.read(request.url, ['request', 'url']));
    this.#headers = new HeaderTemplates(request.headers ?? {}, this.#keyHeader, templates);
    if (request.body === undefined) return;
    if (request.method === 'GET') throw wrong(['request', 'body'], 'is nothing that GET has; leave it out');
    this.#body = bodyTemplate(request.body, templates);
    if (this.#headers.has('content-type'))
      throw wrong(
        ['request', 'headers'],
        'may not have Content-Type beside a body; set request.body.content_type',
      );
  }

  get origin(): string {
    return this.#url.origin;
  }

  /** @throws {RequestInvalid} when a value of the record cannot be put in */
  build(scope: Scope): Pick<HttpRequest, 'method' | 'url' | 'headers' | 'body'> {
    const given = this.#headers.render(scope);
    const ours = [['User-Agent', 'sheaf'] as const, ['Accept', 'application/json, */*;q=0.5'] as const];
    const headers = [
      ...ours.filter(([name]) => !this.#headers.has(name)),
      ...given,
      [this.#keyHeader, scope.key] as const,
    ];
    const request = { method: this.#method, url: this.#url.render(scope) };
    if (this.#body === undefined) return { ...request, headers };
    const type = ['Content-Type', this.#body.contentType] as const;
    return { ...request, headers: [...headers, type], body: this.#body.render(scope) };
  }
}
