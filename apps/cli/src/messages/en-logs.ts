/** What `moltbot logs` says, in English. */
export const englishLogs = (command: string) => ({
  logsInput: {
    binary: (detail: string) => `The input is binary data, not a log. ${detail}`,
    bomb: (detail: string) => `The compressed input unpacks to far more than a log does. ${detail}`,
    damaged: (detail: string) => `The compressed input is damaged. ${detail}`,
    too_large: (detail: string) => `The input is larger than is allowed. ${detail}`,
    unreadable: (detail: string) => `The input could not be read. ${detail}`,
    unsupported: (detail: string) => `The input is compressed in a way that is not supported here. ${detail}`,
  },
  logsNoFile: `Name at least one file, or - for stdin: ${command} logs analyze app.log`,
  logsStdinTwice: '`-` (stdin) can be read once only.',
  logsFormat: (format: string, known: string) => `\`${format}\` is no format: one of auto, ${known}.`,
  logsTime: (text: string) => `\`${text}\` is no time: write 2026-01-31T08:00:00Z, or how long ago, like 2h.`,
  logsWindow: (text: string) =>
    `\`${text}\` is no window: write the first hours, like 24h, or FROM/TO, like 2026-01-30T00:00:00Z/2026-01-31T00:00:00Z.`,
  logsNumber: (text: string) => `\`${text}\` is no whole number from 1.`,
  logsNotWritten: (file: string, why: string) => `${file} can’t be written (${why}).`,
  logsProgress: (name: string, megabytes: number, lines: string) => `${name}: ${megabytes} MB, ${lines} lines`,
  logsNoText: 'The model answered without a text.',
  logsAsking: (model: string) => `asking ${model} for a summary`,
  logsStopped: 'Stopped: the report covers what was read so far.',
  logsWritten: (file: string) => `written to ${file}`,
});
