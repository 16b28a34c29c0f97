import { Controller, Get, Header, Inject, Redirect } from '@nestjs/common';
import type { Core } from '../core/core.js';
import { CORE } from '../core/tokens.js';
import { docsPage } from './docs-page.js';
import { openApiDocument } from './openapi.js';

/** The API's own description: a page for people, a document for programs. */
@Controller()
export class DocsController {
  readonly #version: string;

  constructor(@Inject(CORE) core: Core) {
    this.#version = core.version;
  }

  @Get()
  @Redirect('/docs', 302)
  root(): void {}

  @Get('docs')
  @Header('content-type', 'text/html; charset=utf-8')
  @Header(
    'content-security-policy',
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
  )
  page(): string {
    return docsPage(openApiDocument(this.#version));
  }

  @Get('openapi.json')
  document(): unknown {
    return openApiDocument(this.#version);
  }
}
