import type { Operation } from './openapi-operation.js';

const file = { name: 'id', in: 'path', required: true, description: 'Id of a file, `file-…`' } as const;
const query = (name: string, description: string) => ({ name, in: 'query', required: false, description }) as const;
const batch = { name: 'id', in: 'path', required: true, description: 'Id of a batch, `batch_…`' } as const;
const batches = { tag: 'batches', error: 'OpenAiError' } as const;
const files = { tag: 'files', error: 'OpenAiError' } as const;

/** Files and batches: a key or token with the scope `jobs`, which sees its own; `admin` sees all. */
export const FILE_OPERATIONS: readonly Operation[] = [
  {
    ...files,
    method: 'post',
    path: '/v1/files',
    summary: 'Upload a file; what breaks off leaves nothing',
    body: 'NewFile',
    form: true,
    answer: 'File',
  },
  {
    ...files,
    method: 'get',
    path: '/v1/files',
    summary: 'Files, newest first',
    answer: 'FileList',
    parameters: [
      query('purpose', 'Of this purpose only'),
      query('limit', '1 to 10000; 10000'),
      query('order', '`desc` (default) or `asc`'),
      query('after', 'Id of the last file of the page before'),
    ],
  },
  { ...files, method: 'get', path: '/v1/files/{id}', summary: 'One file', answer: 'File', parameters: [file] },
  {
    ...files,
    method: 'get',
    path: '/v1/files/{id}/content',
    summary: 'The bytes of a file',
    answer: 'File',
    bytes: true,
    parameters: [
      file,
      { name: 'Range', in: 'header', required: false, description: 'One range of bytes (206), as `bytes=0-99`' },
    ],
  },
  {
    ...files,
    method: 'delete',
    path: '/v1/files/{id}',
    summary: 'Delete a file and its bytes',
    answer: 'DeletedFile',
    parameters: [file],
  },
  {
    ...batches,
    method: 'post',
    path: '/v1/batches',
    summary: 'Have the requests of a file answered; each under the limits and the budget of the key',
    body: 'NewBatch',
    answer: 'Batch',
    parameters: [
      { name: 'Idempotency-Key', in: 'header', required: false, description: 'The same key is the same batch' },
    ],
  },
  {
    ...batches,
    method: 'get',
    path: '/v1/batches',
    summary: 'Batches, newest first',
    answer: 'BatchList',
    parameters: [query('limit', '1 to 100; 20'), query('after', 'Id of the last batch of the page before')],
  },
  { ...batches, method: 'get', path: '/v1/batches/{id}', summary: 'One batch', answer: 'Batch', parameters: [batch] },
  {
    ...batches,
    method: 'post',
    path: '/v1/batches/{id}/cancel',
    summary: 'Stop a batch within seconds; what was answered is in its output file',
    answer: 'Batch',
    parameters: [batch],
  },
];
