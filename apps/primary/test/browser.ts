import { request } from 'node:http';

export interface BrowserPage {
  readonly url: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly html: string;
  /** Without markup, entities resolved. */
  readonly text: string;
}

export interface Visit {
  /** Sent by POST, as a form does. */
  readonly form?: Readonly<Record<string, string>>;
  /** Where the link or form stood; none for an address that was typed. */
  readonly from?: string;
  /** Instead of, or besides, what a browser would send; `undefined` leaves one out. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly follow?: boolean;
}

/** A person's browser as far as pages without scripts need one: cookies, redirects, and what it says of where a request comes from. */
export class Browser {
  /** Cookies belong to a host, whatever the port (RFC 6265 section 8.5). */
  readonly cookies = new Map<string, string>();
  readonly language: string;

  constructor(options: { readonly language?: string } = {}) {
    this.language = options.language ?? 'en';
  }

  async open(address: string, visit: Visit = {}): Promise<BrowserPage> {
    let url = address;
    let form = visit.form;
    for (let step = 0; step < 10; step += 1) {
      const page = await this.#load(url, { ...visit, form });
      const { location } = page.headers;
      if (location === undefined || visit.follow === false) return page;
      url = new URL(location, url).href;
      if (page.status === 303 || page.status === 302) form = undefined;
    }
    throw new Error(`too many redirects from ${address}`);
  }

  /** Presses the button of the form with this action, on a page that was opened. */
  async press(page: BrowserPage, action: string, fields: Readonly<Record<string, string>> = {}): Promise<BrowserPage> {
    if (!page.html.includes(`<form method="post" action="${action}">`)) {
      throw new Error(`no form ${action} on ${page.url}:\n${page.text}`);
    }
    return this.open(new URL(action, page.url).href, { form: fields, from: page.url });
  }

  async #load(url: string, visit: Visit & { readonly form?: Visit['form'] | undefined }): Promise<BrowserPage> {
    const { host, hostname, origin } = new URL(url);
    const body = visit.form === undefined ? undefined : new URLSearchParams(visit.form).toString();
    const from = visit.from === undefined ? undefined : new URL(visit.from);
    const jar = [...this.cookies].filter(([key]) => key.startsWith(`${hostname} `));
    const headers: Record<string, string | undefined> = {
      host,
      'accept-language': this.language,
      'sec-fetch-site': from === undefined ? 'none' : from.origin === origin ? 'same-origin' : 'cross-site',
      ...(jar.length > 0 && {
        cookie: jar.map(([key, value]) => `${key.slice(hostname.length + 1)}=${value}`).join('; '),
      }),
      ...(body !== undefined && {
        'content-type': 'application/x-www-form-urlencoded',
        'content-length': String(Buffer.byteLength(body)),
        origin: from?.origin ?? 'null',
      }),
      ...visit.headers,
    };
    const page = await send(url, body, headers);
    for (const cookie of page.setCookies) {
      const [pair = '', ...attributes] = cookie.split('; ');
      const equals = pair.indexOf('=');
      const key = `${hostname} ${pair.slice(0, equals)}`;
      if (attributes.includes('Max-Age=0')) this.cookies.delete(key);
      else this.cookies.set(key, pair.slice(equals + 1));
    }
    return page;
  }
}

async function send(url: string, body: string | undefined, headers: Record<string, string | undefined>) {
  return new Promise<BrowserPage & { readonly setCookies: readonly string[] }>((resolve, reject) => {
    const sent = request(url, {
      method: body === undefined ? 'GET' : 'POST',
      headers: Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined)),
      agent: false,
    });
    sent.once('error', reject);
    sent.once('response', (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.once('error', reject);
      response.once('end', () => {
        const html = Buffer.concat(pieces).toString();
        const setCookies = response.headers['set-cookie'] ?? [];
        const plain = Object.entries(response.headers).map(([name, value]) => [name, String(value)] as const);
        resolve({
          url,
          status: response.statusCode ?? 0,
          headers: Object.fromEntries(plain),
          html,
          text: toText(html),
          setCookies,
        });
      });
    });
    sent.end(body);
  });
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', '#39': "'", amp: '&' };

function unescape(markup: string): string {
  return markup.replace(/&(lt|gt|quot|#39|amp);/g, (_, name: string) => ENTITIES[name] ?? '');
}

function toText(html: string): string {
  const shown = html.replace(/<style>[\s\S]*?<\/style>|<[^>]*>/g, ' ').replace(/\s+/g, ' ');
  return unescape(shown).trim();
}

/** Where the page goes on to by itself. */
export function refreshOf(page: BrowserPage): string {
  const [, url] = /<meta http-equiv="refresh" content="0;url=([^"]*)">/.exec(page.html) ?? [];
  if (url === undefined) throw new Error(`no page that goes on: ${page.status} ${page.text}`);
  return unescape(url);
}
