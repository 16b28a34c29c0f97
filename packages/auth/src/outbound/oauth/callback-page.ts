import type { ServerResponse } from 'node:http';

/** What the person sees after the provider sent the browser back. */
export type CallbackPage = 'arrived' | 'refused' | 'stranger' | 'not-found' | 'wrong-method';

const PAGES: Readonly<
  Record<CallbackPage, { readonly status: number; readonly title: string; readonly text: string }>
> = {
  arrived: {
    status: 200,
    title: 'The sign-in has arrived',
    text: 'MoltBot has what it needs. You can close this window; where you started the sign-in you see how it ended.',
  },
  refused: {
    status: 200,
    title: 'The sign-in was not given',
    text: 'The provider answered with an error. You can close this window; where you started the sign-in you see which.',
  },
  stranger: {
    status: 400,
    title: 'Not a sign-in that MoltBot waits for',
    text: 'The address belongs to another sign-in, or to one that is over. Start the sign-in again.',
  },
  'not-found': { status: 404, title: 'Nothing here', text: 'This address only takes the end of a sign-in.' },
  'wrong-method': { status: 405, title: 'Not this way', text: 'This address only takes GET.' },
};

/** Sends one of a few fixed pages: nothing of the request is repeated, and nothing can run or load in it. */
export function sendCallbackPage(response: ServerResponse, page: CallbackPage): void {
  const { status, title, text } = PAGES[page];
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy':
      "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
    connection: 'close',
    ...(page === 'wrong-method' ? { allow: 'GET' } : {}),
  });
  response.end(
    `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>${title}</title><style>body{font:1rem/1.5 system-ui,sans-serif;margin:15vh auto;max-width:32rem;padding:0 1rem}</style></head><body><h1>${title}</h1><p>${text}</p></body></html>`,
  );
}
