import { randomBytes } from 'node:crypto';

/** A form of one file (RFC 7578) that is sent as it is read: how long it is, and its bytes. */
export interface MultipartFile {
  readonly contentType: string;
  readonly length: number;
  body(): AsyncGenerator<Uint8Array, void, undefined>;
}

/** `fields` and `fileName` are ours: no quotes or line breaks in them. */
export function multipartFile(options: {
  readonly fields: Readonly<Record<string, string>>;
  readonly fileName: string;
  readonly contentType: string;
  readonly size: number;
  readonly content: AsyncIterable<Uint8Array>;
}): MultipartFile {
  const { fields, fileName, contentType, size, content } = options;
  const boundary = `moltbot-${randomBytes(16).toString('hex')}`;
  const parts = Object.entries(fields).map(
    ([name, value]) => `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  const head = Buffer.from(
    `${parts.join('')}--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="${fileName}"\r\n` +
      `content-type: ${contentType}\r\n\r\n`,
  );
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    length: head.length + size + tail.length,
    async *body() {
      yield head;
      yield* content;
      yield tail;
    },
  };
}
