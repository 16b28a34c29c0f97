import { X509Certificate } from 'node:crypto';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';

const BLOCK = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[\s\S]+?-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;

/**
 * The certificates of a PEM text, each as PEM.
 * @throws TypeError where there is none, or one can't be read
 */
export function parseCertificates(pem: string): readonly string[] {
  const blocks = pem.match(BLOCK) ?? [];
  if (blocks.length === 0) throw new TypeError('there is no PEM certificate in it');
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block).toString();
    } catch (cause) {
      throw new TypeError(`certificate ${index + 1} of ${blocks.length} can not be read`, { cause });
    }
  });
}

/** Trusts what Node trusts by default (`NODE_EXTRA_CA_CERTS` and `--use-system-ca` included), and these. Made once: it parses all of them. */
export function trustBesidesDefault(pem: string): SecureContext {
  return createSecureContext({ ca: [...getCACertificates('default'), ...parseCertificates(pem)] });
}
