/** Text that is HTML already. Everything else that goes into a page is escaped. */
export interface Html {
  readonly text: string;
}

/** Marks our own constant text as HTML. Never for log text. */
export const fragment = (text: string): Html => ({ text });

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Also for attribute values in double quotes. Control characters and bidirectional overrides become visible dots. */
export function escapeHtml(text: string): string {
  return text
    .replace(/[&<>"']/g, (found) => ESCAPES[found] as string)
    .replace(/(?![\t\n])\p{Cc}|[\u202a-\u202e\u2066-\u2069]/gu, '\u00b7');
}

type Part = Html | string | number | readonly Html[];

/** html`<p>${text}</p>`: what is put in is escaped, unless it came from here. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  let text = strings[0] as string;
  parts.forEach((part, index) => {
    text += render(part) + (strings[index + 1] as string);
  });
  return { text };
}

function render(part: Part): string {
  if (typeof part === 'string') return escapeHtml(part);
  if (typeof part === 'number') return String(part);
  if ('text' in part) return part.text;
  return part.map(({ text }) => text).join('');
}
