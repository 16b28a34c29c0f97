import { createHash } from 'node:crypto';
import { html, type Html } from './html.js';
import type { PageTexts } from './page-texts.js';

/** One page and how it is sent. */
export interface Page {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Markup by itself: nothing in it comes from elsewhere. */
const STYLE_MARKUP = html`:root{color-scheme:light dark;--line:#d5d9e0;--soft:#5c6470;--accent:#1a56db;--bad:#b42318;--good:#146c2e}
@media(prefers-color-scheme:dark){:root{--line:#3a404a;--soft:#a3abb8;--accent:#8ab4f8;--bad:#ff9b91;--good:#7bd88f}}
body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:0 auto;padding:1.5rem 1rem;color:CanvasText;background:Canvas}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin:0;overflow-wrap:anywhere}
article{border:1px solid var(--line);border-radius:8px;padding:1rem;margin:1rem 0}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;margin:.5rem 0}dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
form{display:inline-block;margin:.5rem .5rem 0 0}button,.button{font:inherit;padding:.5rem 1rem;border:1px solid var(--accent);border-radius:6px;background:none;color:var(--accent);cursor:pointer;text-decoration:none;display:inline-block;margin-top:.5rem}
input{font:inherit;width:100%;box-sizing:border-box;padding:.5rem;border:1px solid var(--line);border-radius:6px;background:Canvas;color:CanvasText}
.code{font:600 2rem/1.4 ui-monospace,monospace;letter-spacing:.1em}code{overflow-wrap:anywhere}
.bad{color:var(--bad)}.good{color:var(--good)}.soft{color:var(--soft)}a{color:var(--accent)}`;

const STYLE_HASH = `sha256-${createHash('sha256').update(STYLE_MARKUP.toString()).digest('base64')}`;

const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  `style-src '${STYLE_HASH}'`,
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ');

export interface PageOptions {
  readonly texts: PageTexts;
  readonly title: string;
  readonly body: Html;
  readonly status?: number;
  /** Loads the page, or another address, after so many seconds. No form is sent by it, so `form-action` does not concern it. */
  readonly refresh?: { readonly seconds: number; readonly url?: string } | undefined;
  /** The page's own address is a secret (a code of the authorization server): not even pages of ours are told it. */
  readonly secretAddress?: boolean;
}

/** A whole page: no script, nothing from elsewhere, not kept, not framed. */
export function page({ texts, title, body, status = 200, refresh, secretAddress = false }: PageOptions): Page {
  const refreshing =
    refresh === undefined
      ? undefined
      : html`<meta http-equiv="refresh" content="${refresh.seconds}${refresh.url === undefined ? '' : `;url=${refresh.url}`}">`;
  const document = html`<!doctype html><html lang="${texts.language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">${refreshing}<title>${title} · MoltBot</title><style>${STYLE_MARKUP}</style></head><body><h1>${title}</h1>${body}</body></html>`;
  return {
    status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': CONTENT_SECURITY_POLICY,
      'cache-control': 'no-store',
      // With `no-referrer` browsers send `Origin: null` with the forms of the page, and ours could not be told from foreign ones.
      'referrer-policy': secretAddress ? 'no-referrer' : 'same-origin',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      vary: 'accept-language',
    },
    body: document.toString(),
  };
}
