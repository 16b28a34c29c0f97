import type { englishLogs } from './en-logs.js';

/** What `moltbot logs` says, in Chinese. */
export const chineseLogs = (command: string): ReturnType<typeof englishLogs> => ({
  logsInput: {
    binary: (detail) => `输入是二进制数据，不是日志。${detail}`,
    bomb: (detail) => `压缩的输入解压后远大于正常日志。${detail}`,
    damaged: (detail) => `压缩的输入已损坏。${detail}`,
    too_large: (detail) => `输入超过允许的大小。${detail}`,
    unreadable: (detail) => `无法读取输入。${detail}`,
    unsupported: (detail) => `此处不支持输入的压缩方式。${detail}`,
  },
  logsNoFile: `请至少指定一个文件，或用 - 表示标准输入：${command} logs analyze app.log`,
  logsStdinTwice: '`-`（标准输入）只能读取一次。',
  logsFormat: (format, known) => `\`${format}\` 不是已知格式：可用 auto, ${known}。`,
  logsTime: (text) => `\`${text}\` 不是时间：请写 2026-01-31T08:00:00Z，或多久以前，例如 2h。`,
  logsWindow: (text) =>
    `\`${text}\` 不是时间段：请写最初的时长，例如 24h，或 起/止，例如 2026-01-30T00:00:00Z/2026-01-31T00:00:00Z。`,
  logsNumber: (text) => `\`${text}\` 不是从 1 开始的整数。`,
  logsNotWritten: (file, why) => `无法写入 ${file}（${why}）。`,
  logsProgress: (name, megabytes, lines) => `${name}：${megabytes} MB，${lines} 行`,
  logsNoText: '模型的回答没有文本。',
  logsAsking: (model) => `正在请 ${model} 撰写摘要`,
  logsStopped: '已停止：报告只包含目前已读取的内容。',
  logsWritten: (file) => `已写入 ${file}`,
});
