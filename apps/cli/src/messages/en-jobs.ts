/** What `moltbot jobs` says, in English. */
export const englishJobs = (command: string) => ({
  jobStates: {
    waiting: 'waiting',
    delayed: 'waiting for its time',
    active: 'active',
    failed: 'failed, will be tried again',
    completed: 'completed',
    dead: 'failed for good',
    cancelled: 'cancelled',
  },
  jobSubmitted: (id: string) => `job ${id}`,
  jobNext: (id: string) => `Follow it: ${command} jobs watch ${id}`,
  jobGoesOn: (id: string) =>
    `The job goes on. Follow it again: ${command} jobs watch ${id}; end it: ${command} jobs cancel ${id}`,
  jobAttemptFailed: (attempt: number, why: string) => `attempt ${attempt} failed: ${why}`,
  jobBeingCancelled: 'is being cancelled',
  jobWritten: (file: string) => `written to ${file}`,
  jobFileExists: (file: string) => `${file} exists already: name another file.`,
  jobNotWritten: (file: string, why: string) => `${file} can’t be written (${why}).`,
  jobFileNeedsOut: 'A file is no JSON: name where to write it with --out.',
  jobTakesFewerFiles: (type: string, most: number) => `A job of type \`${type}\` takes at most ${most} files.`,
  jobTakesNoFiles: (type: string, known: string) =>
    `A job of the type \`${type}\` takes no files here; these do: ${known}.`,
  jobFileUnreadable: (file: string, why: string) => `${file} can’t be read (${why}).`,
  noRegularFile: 'no regular file',
  becameShorter: 'it became shorter meanwhile',
  jobKeyWithFiles:
    'Files are uploaded anew each time, so that --idempotency-key would not find the job again: upload them (`POST /v1/files`) and name their ids in --payload.',
  jobUploading: (file: string, percent: number) => `uploading ${file}: ${percent} %`,
  jobUploaded: (file: string, id: string) => `uploaded ${file} as ${id}`,
  noJobs: 'No jobs of that kind.',
  jobsMore: (count: number) =>
    `There are more than these ${count}: raise --limit, or narrow it with --type and --state.`,
  payloadNoJson: 'The payload is no JSON object. Mind what the shell does to quotes, or use @FILE.',
  payloadTooLarge: (bytes: number) => `The payload has more than ${bytes} bytes.`,
  payloadUnreadable: (file: string, why: string) => `The payload’s file ${file} can’t be read (${why}).`,
  columnJob: 'JOB',
  columnType: 'TYPE',
  columnCreated: 'CREATED (UTC)',
});
