import type { Command } from './context.js';
import type { CommandKey, OptionKey } from './messages/messages.js';

export interface OptionRow {
  /** As commander reads it: `--port <number>`. */
  readonly flags: string;
  /** Its description in the messages. */
  readonly key: OptionKey;
}

export interface CommandRow {
  /** Words after `moltbot`: `keys create`. */
  readonly name: string;
  /** As commander reads them: `<name>`, `[text...]`. */
  readonly arguments?: string;
  readonly key: CommandKey;
  readonly options?: readonly OptionRow[];
  /** It runs until it is stopped: a closed stdout does not end it. */
  readonly serves?: boolean;
  /** Loads the command; nothing of it is imported before. */
  readonly load: () => Promise<Command>;
}

const SERVER_OPTIONS: readonly OptionRow[] = [
  { flags: '--port <number>', key: 'port' },
  { flags: '--host <address>', key: 'host' },
  { flags: '--metrics-port <number>', key: 'metricsPort' },
  { flags: '--log-level <level>', key: 'logLevel' },
  { flags: '--warmup', key: 'warmup' },
];

const CLIENT_OPTIONS: readonly OptionRow[] = [
  { flags: '--url <url>', key: 'url' },
  { flags: '--key <key>', key: 'key' },
];

const LIMIT_OPTIONS: readonly OptionRow[] = [
  { flags: '--requests-per-minute <number>', key: 'requestsPerMinute' },
  { flags: '--tokens-per-minute <number>', key: 'tokensPerMinute' },
  { flags: '--parallel <number>', key: 'parallel' },
  { flags: '--budget-day <amount>', key: 'budgetDay' },
  { flags: '--budget-month <amount>', key: 'budgetMonth' },
];

/** Every command there is, in the order of the help. */
export const COMMANDS: readonly CommandRow[] = [
  {
    name: 'start',
    key: 'start',
    serves: true,
    options: [...SERVER_OPTIONS, { flags: '--no-worker', key: 'noWorker' }],
    load: async () => (await import('./commands/start.js')).start,
  },
  {
    name: 'primary',
    key: 'primary',
    serves: true,
    options: SERVER_OPTIONS,
    load: async () => (await import('./commands/run-role.js')).primary,
  },
  {
    name: 'worker',
    key: 'worker',
    serves: true,
    options: [
      { flags: '--metrics-port <number>', key: 'metricsPort' },
      { flags: '--log-level <level>', key: 'logLevel' },
    ],
    load: async () => (await import('./commands/run-role.js')).worker,
  },
  {
    name: 'chat',
    arguments: '[text...]',
    key: 'chat',
    options: [
      { flags: '-m, --model <name>', key: 'model' },
      { flags: '-s, --system <text>', key: 'system' },
      { flags: '-i, --interactive', key: 'interactive' },
      ...CLIENT_OPTIONS,
    ],
    load: async () => (await import('./commands/chat.js')).chat,
  },
  {
    name: 'models list',
    key: 'modelsList',
    options: CLIENT_OPTIONS,
    load: async () => (await import('./commands/models-list.js')).modelsList,
  },
  {
    name: 'models test',
    arguments: '[names...]',
    key: 'modelsTest',
    options: CLIENT_OPTIONS,
    load: async () => (await import('./commands/models-test.js')).modelsTest,
  },
  {
    name: 'config show',
    key: 'configShow',
    options: [{ flags: '--origin', key: 'origin' }],
    load: async () => (await import('./commands/config.js')).configShow,
  },
  {
    name: 'config validate',
    key: 'configValidate',
    load: async () => (await import('./commands/config.js')).configValidate,
  },
  {
    name: 'config set',
    arguments: '<key> <value>',
    key: 'configSet',
    load: async () => (await import('./commands/config.js')).configSet,
  },
  { name: 'config path', key: 'configPath', load: async () => (await import('./commands/config.js')).configPath },
  {
    name: 'config example',
    key: 'configExample',
    load: async () => (await import('./commands/config.js')).configExample,
  },
  {
    name: 'keys create',
    arguments: '<name>',
    key: 'keysCreate',
    options: [
      { flags: '--scopes <list>', key: 'scopes' },
      { flags: '--models <list>', key: 'models' },
      { flags: '--expires <duration>', key: 'expires' },
      ...LIMIT_OPTIONS,
    ],
    load: async () => (await import('./commands/keys.js')).keysCreate,
  },
  { name: 'keys list', key: 'keysList', load: async () => (await import('./commands/keys.js')).keysList },
  {
    name: 'keys revoke',
    arguments: '<name-or-id>',
    key: 'keysRevoke',
    load: async () => (await import('./commands/keys.js')).keysRevoke,
  },
  {
    name: 'keys show',
    arguments: '<name-or-id>',
    key: 'keysShow',
    load: async () => (await import('./commands/keys-change.js')).keysShow,
  },
  {
    name: 'keys update',
    arguments: '<name-or-id>',
    key: 'keysUpdate',
    options: [
      { flags: '--name <name>', key: 'newName' },
      { flags: '--scopes <list>', key: 'newScopes' },
      { flags: '--models <list>', key: 'models' },
      { flags: '--expires <duration>', key: 'newExpires' },
      ...LIMIT_OPTIONS,
    ],
    load: async () => (await import('./commands/keys-change.js')).keysUpdate,
  },
  {
    name: 'keys rotate',
    arguments: '<name-or-id>',
    key: 'keysRotate',
    options: [{ flags: '--grace <duration>', key: 'grace' }],
    load: async () => (await import('./commands/keys-change.js')).keysRotate,
  },
  {
    name: 'audit',
    key: 'audit',
    options: [
      { flags: '--since <time>', key: 'since' },
      { flags: '--denied', key: 'denied' },
      { flags: '--actor <id>', key: 'actor' },
      { flags: '--action <name>', key: 'action' },
      { flags: '--limit <number>', key: 'auditLimit' },
    ],
    load: async () => (await import('./commands/audit.js')).audit,
  },
  {
    name: 'auth login',
    arguments: '<name>',
    key: 'authLogin',
    options: [
      { flags: '--device', key: 'device' },
      { flags: '--no-browser', key: 'noBrowser' },
      { flags: '--client-id <id>', key: 'clientId' },
      { flags: '--scopes <list>', key: 'oauthScopes' },
      { flags: '--key', key: 'askKey' },
    ],
    load: async () => (await import('./commands/auth-login.js')).authLogin,
  },
  {
    name: 'auth logout',
    arguments: '<name>',
    key: 'authLogout',
    options: [{ flags: '--remove', key: 'remove' }],
    load: async () => (await import('./commands/auth-logout.js')).authLogout,
  },
  { name: 'auth list', key: 'authList', load: async () => (await import('./commands/auth-status.js')).authList },
  {
    name: 'auth status',
    arguments: '[name]',
    key: 'authStatus',
    options: [{ flags: '--offline', key: 'offline' }, ...CLIENT_OPTIONS],
    load: async () => (await import('./commands/auth-status.js')).authStatus,
  },
  {
    name: 'auth test',
    arguments: '[names...]',
    key: 'authTest',
    load: async () => (await import('./commands/auth-test.js')).authTest,
  },
  {
    name: 'auth reset',
    arguments: '<name>',
    key: 'authReset',
    options: CLIENT_OPTIONS,
    load: async () => (await import('./commands/auth-reset.js')).authReset,
  },
  {
    name: 'jobs submit',
    arguments: '<type> [files...]',
    key: 'jobsSubmit',
    options: [
      { flags: '--payload <json>', key: 'payload' },
      { flags: '--wait', key: 'wait' },
      { flags: '--out <folder>', key: 'jobOut' },
      { flags: '--delay <duration>', key: 'delay' },
      { flags: '--idempotency-key <key>', key: 'idempotencyKey' },
      ...CLIENT_OPTIONS,
    ],
    load: async () => (await import('./commands/jobs-submit.js')).jobsSubmit,
  },
  {
    name: 'jobs list',
    key: 'jobsList',
    options: [
      { flags: '--type <names>', key: 'jobType' },
      { flags: '--state <states>', key: 'jobState' },
      { flags: '--limit <number>', key: 'jobLimit' },
      ...CLIENT_OPTIONS,
    ],
    load: async () => (await import('./commands/jobs.js')).jobsList,
  },
  {
    name: 'jobs watch',
    arguments: '<id>',
    key: 'jobsWatch',
    options: CLIENT_OPTIONS,
    load: async () => (await import('./commands/jobs.js')).jobsWatch,
  },
  {
    name: 'jobs cancel',
    arguments: '<id>',
    key: 'jobsCancel',
    options: CLIENT_OPTIONS,
    load: async () => (await import('./commands/jobs.js')).jobsCancel,
  },
  {
    name: 'jobs retry',
    arguments: '<id>',
    key: 'jobsRetry',
    options: CLIENT_OPTIONS,
    load: async () => (await import('./commands/jobs.js')).jobsRetry,
  },
  {
    name: 'jobs result',
    arguments: '<id>',
    key: 'jobsResult',
    options: [{ flags: '--file <name>', key: 'artifact' }, { flags: '--out <file>', key: 'out' }, ...CLIENT_OPTIONS],
    load: async () => (await import('./commands/jobs-result.js')).jobsResult,
  },
  {
    name: 'logs analyze',
    arguments: '<files...>',
    key: 'logsAnalyze',
    options: [
      { flags: '--baseline <file>', key: 'logsBaseline' },
      { flags: '--baseline-window <window>', key: 'logsBaselineWindow' },
      { flags: '--since <time>', key: 'logsSince' },
      { flags: '--until <time>', key: 'logsUntil' },
      { flags: '--format <name>', key: 'logsFormat' },
      { flags: '--message-only', key: 'logsMessageOnly' },
      { flags: '--max-lines <count>', key: 'logsMaxLines' },
      { flags: '--top <count>', key: 'logsTop' },
      { flags: '--html <file>', key: 'logsHtml' },
      { flags: '--templates-jsonl <file>', key: 'logsTemplatesJsonl' },
      { flags: '--summary [model]', key: 'logsSummary' },
      ...CLIENT_OPTIONS,
    ],
    load: async () => (await import('./commands/logs-analyze.js')).logsAnalyze,
  },
  {
    name: 'service install',
    key: 'serviceInstall',
    load: async () => (await import('./commands/service.js')).serviceInstall,
  },
  {
    name: 'service uninstall',
    key: 'serviceUninstall',
    load: async () => (await import('./commands/service.js')).serviceUninstall,
  },
  {
    name: 'service status',
    key: 'serviceStatus',
    load: async () => (await import('./commands/service.js')).serviceStatus,
  },
  { name: 'service test', key: 'serviceTest', load: async () => (await import('./commands/service.js')).serviceTest },
  {
    name: 'update',
    key: 'update',
    options: [
      { flags: '--check', key: 'check' },
      { flags: '--version <version>', key: 'toVersion' },
      { flags: '--from <path>', key: 'from' },
      { flags: '--registry <url>', key: 'registry' },
      { flags: '--ready-within <duration>', key: 'readyWithin' },
    ],
    load: async () => (await import('./commands/update.js')).update,
  },
  { name: 'status', key: 'status', load: async () => (await import('./commands/status.js')).status },
  {
    name: 'doctor',
    key: 'doctor',
    options: [
      { flags: '--lint', key: 'lint' },
      { flags: '--fix', key: 'fix' },
      { flags: '--yes', key: 'yes' },
      { flags: '--only <checks>', key: 'only' },
      { flags: '--explain <code>', key: 'explain' },
    ],
    load: async () => (await import('./commands/doctor.js')).doctor,
  },
  {
    name: 'drill',
    arguments: '[what]',
    key: 'drill',
    options: [
      { flags: '--quick', key: 'drillQuick' },
      { flags: '--only <faults>', key: 'drillOnly' },
      { flags: '--target <models>', key: 'drillTarget' },
      { flags: '--chain <name>', key: 'drillChain' },
      { flags: '--max-wait <duration>', key: 'drillMaxWait' },
      { flags: '--list', key: 'drillList' },
      { flags: '--no-color', key: 'noColor' },
    ],
    load: async () => (await import('./commands/drill.js')).drill,
  },
];
