import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';

const BLOCK = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[\s\S]+?-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;
/** All roots of the public web together are a quarter of it. */
const MAX_FILE_BYTES = 1_048_576;

/** Certificates that were to be trusted can't be read. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError';
  readonly code = 'ERR_CERTIFICATES_UNREADABLE';
}

/**
 * The text of a PEM file, for `extraCa`.
 * @throws CertificateError that names the file: not there, not readable, too large, no certificate in it
 */
export function readCertificates(path: string): string {
  try {
    const pem = readFileSync(path);
    if (pem.length > MAX_FILE_BYTES) throw new TypeError(`it is larger than ${MAX_FILE_BYTES} bytes`);
    const text = pem.toString('latin1');
    parseCertificates(text);
    return text;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CertificateError(`The certificates in ${path} can not be read: ${why}`, { cause });
  }
}

/**
 * The certificates of a PEM text, each as PEM.
 * @throws CertificateError where there is none, or one can't be read
 */
export function parseCertificates(pem: string): readonly string[] {
  const blocks = pem.match(BLOCK) ?? [];
  if (blocks.length === 0) throw new CertificateError('there is no PEM certificate in it');
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block).toString();
    } catch (cause) {
      throw new CertificateError(`certificate ${index + 1} of ${blocks.length} can not be read`, { cause });
    }
  });
}

/** Trusts what Node trusts by default (`NODE_EXTRA_CA_CERTS` and `--use-system-ca` included), and these. Made once: it parses all of them. */
export function trustBesidesDefault(pem: string): SecureContext {
  return createSecureContext({ ca: [...getCACertificates('default'), ...parseCertificates(pem)] });
}
