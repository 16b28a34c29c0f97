import { BlockList, isIP } from 'node:net';

interface Entry {
  readonly host: string;
  readonly port: number | undefined;
  /** `*.example.com`: subdomains only. */
  readonly subdomainsOnly: boolean;
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };

/**
 * `NO_PROXY`, as curl, Go and Node read it: hosts, domains (`example.com` and `.example.com` take in their subdomains, `*.example.com`
 * only these), `host:port`, addresses, networks (`10.0.0.0/8`), and `*`; separated by commas or spaces.
 */
export class AddressList {
  readonly #entries: Entry[] = [];
  readonly #networks = new BlockList();
  #hasNetworks = false;

  constructor(text: string) {
    for (const word of text.split(/[\s,]+/)) if (word !== '') this.#add(word);
  }

  has(url: URL): boolean {
    const host = plainHost(url.hostname);
    const port = url.port === '' ? DEFAULT_PORTS[url.protocol] : Number(url.port);
    return this.#entries.some((entry) => matches(entry, host, port)) || (this.#hasNetworks && this.#inNetwork(host));
  }

  #inNetwork(host: string): boolean {
    const version = isIP(host);
    return version !== 0 && this.#networks.check(host, version === 4 ? 'ipv4' : 'ipv6');
  }

  #add(word: string): void {
    const network = /^(.+)\/(\d{1,3})$/.exec(word);
    if (network !== null) {
      this.#addNetwork(network[1] ?? '', Number(network[2]));
      return;
    }
    const { host, port } = splitPort(word.toLowerCase());
    const subdomainsOnly = host.startsWith('*.');
    const bare = host.replace(/^\*?\./, '').replace(/(.)\.$/, '$1');
    if (bare !== '') this.#entries.push({ host: bare, port, subdomainsOnly });
  }

  /** A network that is none is passed over, as other programs do. */
  #addNetwork(address: string, prefix: number): void {
    const version = isIP(address);
    if (version === 0 || prefix > (version === 4 ? 32 : 128)) return;
    this.#networks.addSubnet(address, prefix, version === 4 ? 'ipv4' : 'ipv6');
    this.#hasNetworks = true;
  }
}

/** Addresses of this machine itself. */
export function isLoopback(url: URL): boolean {
  const host = plainHost(url.hostname);
  if (host === 'localhost' || host.endsWith('.localhost')) return true;
  return (
    host === '::1' ||
    host === '::' ||
    host === '0.0.0.0' ||
    /^(127(\.\d+){3}|::ffff:7f[\da-f]{2}:[\da-f]{1,4})$/.test(host)
  );
}

/** As entries have it: no brackets, no trailing dot. `URL` has written it small already. */
function plainHost(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1').replace(/(.)\.$/, '$1');
}

function matches(entry: Entry, host: string, port: number | undefined): boolean {
  if (entry.port !== undefined && entry.port !== port) return false;
  if (entry.host === '*' || host.endsWith(`.${entry.host}`)) return true;
  return host === entry.host && !entry.subdomainsOnly;
}

/** `[::1]:443`, `::1`, `host:80`, `host`. */
function splitPort(word: string): { readonly host: string; readonly port: number | undefined } {
  const found = /^\[(.+)\](?::(\d+))?$/.exec(word) ?? /^([^:]+):(\d+)$/.exec(word);
  if (found === null) return { host: word, port: undefined };
  return { host: found[1] ?? '', port: found[2] === undefined ? undefined : Number(found[2]) };
}
