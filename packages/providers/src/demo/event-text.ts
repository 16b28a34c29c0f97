/** One server-sent event (WHATWG HTML, section 9.2); `data` holds no line break. */
export function eventText(data: string, event?: string): string {
  return event === undefined ? `data: ${data}\n\n` : `event: ${event}\ndata: ${data}\n\n`;
}

/** JSON that ends in the middle: what a broken proxy or a crashed server leaves of an event. */
export function brokenJson(value: unknown): string {
  const text = JSON.stringify(value);
  return text.slice(0, Math.ceil(text.length / 2));
}

export const COMMENT_KEEP_ALIVE = ': keep-alive\n\n';
