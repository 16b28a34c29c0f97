import type { englishService } from './en-service.js';

/** What `moltbot service` and `moltbot update` say, in Chinese. */
export const chineseService = (command: string): ReturnType<typeof englishService> => ({
  serviceInstalled: (manager, file) => `MoltBot 已作为 ${manager} 的服务运行（${file}）。`,
  serviceThere: (file) => `服务已安装并在运行（${file}）。`,
  serviceRemoved: (file) => `服务已停止，${file} 已删除。`,
  serviceNotThere: `没有安装服务。安装：${command} service install`,
  serviceNoManager: `此处没有管理该用户服务的程序（systemd 和 launchd 都没有应答）。请在前台运行：${command} start`,
  serviceLogs: (where) => `输出位置：${where}`,
  serviceEndsWithSession: '服务会随最后一个会话结束：`loginctl enable-linger` 被拒绝，请管理员代为执行。',
  serviceState: (manager, word) => `${manager}：${word}`,
  serviceTestReady: (ms) => `${ms} 毫秒后就绪，随后已停止`,
  serviceTestFailed: (why) => `MoltBot 在此机器上无法就绪：${why}。`,

  updateAvailable: (version, newest) => `有新版本 ${newest}（当前 ${version}）：${command} update`,
  updateNothing: (version) => `正在使用版本 ${version}：无需更新`,
  updated: (previous, version) => `${previous} → ${version}`,
  updateDuration: (text) => `\`${text}\` 不是时长：请写 30s 或 2m。`,
  updateNotKept: {
    elsewhere: '数据库在另一台服务器上：改动它的版本无法撤回',
    'in-use': '数据库正被其他程序使用：没有制作副本',
    'no-space': '没有空间存放数据库的副本',
    failed: '无法复制数据库',
  },
  updateRestarting: '正在重启服务 …',
  updateRestartYourself: (pid) => `正在运行的进程（${pid}）仍是旧版本：请停止后重新启动。`,
  updateRolledBack: ({ previous, why, readyAgain }) =>
    `${why}。已恢复使用版本 ${previous}${readyAgain ? '，并已就绪' : `，但仍未就绪：${command} doctor`}。`,
  updateNotOurs: (kind) =>
    kind === 'package' ? '此 MoltBot 由包管理器安装：请用它来更新。' : '此 MoltBot 是源码检出：请用 git 更新。',
  updateNoRegistry: '此版本没有自己的软件源。请用 --registry URL 指定软件源，或用 --from FILE 指定发布包。',
  updateNoRegistryAnswer: (url, why) => `软件源没有说明最新版本：${url}（${why}）。`,
});
