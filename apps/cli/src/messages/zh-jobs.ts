import type { englishJobs } from './en-jobs.js';

/** What `moltbot jobs` says, in Chinese. */
export const chineseJobs = (command: string): ReturnType<typeof englishJobs> => ({
  jobStates: {
    waiting: '等待中',
    delayed: '等待预定时间',
    active: '执行中',
    failed: '失败，将重试',
    completed: '已完成',
    dead: '最终失败',
    cancelled: '已取消',
  },
  jobSubmitted: (id) => `任务 ${id}`,
  jobNext: (id) => `跟踪任务：${command} jobs watch ${id}`,
  jobGoesOn: (id) => `任务继续执行。再次跟踪：${command} jobs watch ${id}；结束任务：${command} jobs cancel ${id}`,
  jobAttemptFailed: (attempt, why) => `第 ${attempt} 次尝试失败：${why}`,
  jobBeingCancelled: '正在取消',
  jobWritten: (file) => `已写入 ${file}`,
  jobFileExists: (file) => `${file} 已存在：请指定其他文件。`,
  jobNotWritten: (file, why) => `无法写入 ${file}（${why}）。`,
  jobFileNeedsOut: '文件不是 JSON：请用 --out 指定写入位置。',
  noJobs: '没有此类任务。',
  jobsMore: (count) => `不止这 ${count} 个：请提高 --limit，或用 --type 和 --state 缩小范围。`,
  payloadNoJson: '内容不是 JSON 对象。请注意 shell 对引号的处理，或使用 @FILE。',
  payloadTooLarge: (bytes) => `内容超过 ${bytes} 字节。`,
  payloadUnreadable: (file, why) => `无法读取内容文件 ${file}（${why}）。`,
  columnJob: '任务',
  columnType: '类型',
  columnCreated: '创建时间（UTC）',
});
