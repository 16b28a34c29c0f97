import type { OpenApiDocument } from './openapi.js';

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}
code,pre{font:14px/1.45 ui-monospace,monospace;background:#f3f3f3;border-radius:4px}code{padding:.1em .3em}pre{padding:1rem;overflow:auto}
summary{cursor:pointer;padding:.4rem 0}.method{display:inline-block;min-width:3.5rem;font-weight:600}
@media(prefers-color-scheme:dark){body{color:#e6e6e6;background:#16181c}code,pre{background:#24272d}a{color:#8ab4f8}}`;

/** The OpenAPI document as one page without scripts: readable offline and under a strict content security policy. */
export function docsPage(document: OpenApiDocument): string {
  const operations = Object.entries(document.paths)
    .flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => ({ path, method, operation })))
    .map(({ path, method, operation }) => {
      const { summary } = operation as { readonly summary: string };
      return `<details><summary><span class="method">${method.toUpperCase()}</span> <code>${escapeHtml(path)}</code> ${escapeHtml(summary)}</summary><pre>${escapeHtml(JSON.stringify(operation, undefined, 2))}</pre></details>`;
    })
    .join('\n');
  const schemas = Object.entries(document.components.schemas)
    .map(
      ([name, schema]) =>
        `<details id="${name}"><summary><code>${name}</code></summary><pre>${escapeHtml(JSON.stringify(schema, undefined, 2))}</pre></details>`,
    )
    .join('\n');
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>MoltBot API</title><style>${STYLE}</style></head>
<body><h1>MoltBot API ${escapeHtml(document.info.version)}</h1><p>${escapeHtml(document.info.description)} The machine-readable form is <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1).</p>
<h2>Try it</h2><pre>curl -s http://127.0.0.1:8080/v1/chat/completions -H 'content-type: application/json' \\
  -d '{"messages":[{"role":"user","content":"Hello"}]}'</pre>
<h2>Routes</h2>${operations}<h2>Shapes</h2>${schemas}</body></html>`;
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
