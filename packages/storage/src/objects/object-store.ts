/** Files of any size under keys: uploads, results of jobs, model files. A folder or a bucket; whole objects only, never half ones. */
export interface ObjectStore {
  /**
   * Stores the bytes under the key, whole or not at all; an object of that key is replaced at once. Memory stays bounded.
   * @throws MoltbotError `payload_too_large`, `invalid_request` (another checksum than expected), `object_store_unavailable`
   */
  put(options: PutObject): Promise<StoredObject>;

  head(key: string, signal?: AbortSignal): Promise<StoredObject | undefined>;

  /**
   * The bytes from `start` on, before `end`. A body that is read whole is checked against the checksum: where it differs,
   * reading ends with `object_store_unavailable`.
   */
  get(options: GetObject): Promise<ObjectBody | undefined>;

  /** @returns whether there was one */
  delete(key: string): Promise<boolean>;

  /** In the order of keys. */
  list(options: {
    readonly prefix: string;
    readonly after?: string;
    readonly limit: number;
  }): Promise<readonly StoredObject[]>;

  close(): Promise<void>;
}

export interface StoredObject {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** Of the whole, in hex; `undefined` for objects that others put into the bucket. */
  readonly sha256: string | undefined;
  readonly contentType: string;
  /** Unix ms. */
  readonly modifiedAt: number;
}

export interface PutObject {
  /** Lower-case segments with `/` between them; see `checkObjectKey`. */
  readonly key: string;
  readonly body: AsyncIterable<Uint8Array>;
  readonly contentType?: string;
  readonly maxBytes: number;
  /** Hex; where the bytes have another, nothing is stored. */
  readonly sha256?: string;
  readonly signal?: AbortSignal;
}

export interface GetObject {
  readonly key: string;
  /** First byte, from 0. */
  readonly start?: number;
  /** The byte behind the last one. */
  readonly end?: number;
  readonly signal?: AbortSignal;
}

export interface ObjectBody {
  readonly object: StoredObject;
  /** To be read once, or else cancelled: until then it holds a file or a connection. */
  readonly body: AsyncIterable<Uint8Array>;
  cancel(): Promise<void>;
}
