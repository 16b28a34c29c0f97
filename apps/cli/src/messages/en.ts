import { ERRORS, type ErrorCode } from '@moltbot/contracts';
import { englishAuth } from './en-auth.js';
import { englishHelp } from './en-help.js';
import { englishJobs } from './en-jobs.js';
import { englishLogs } from './en-logs.js';
import { englishKeys } from './en-keys.js';
import { englishService } from './en-service.js';

/** English. `command` is how to call us here. */
export const english = (command: string) => ({
  ...englishHelp,
  ...englishAuth(command),
  ...englishJobs(command),
  ...englishKeys(command),
  ...englishLogs(command),
  ...englishService(command),
  errorAction: (code: ErrorCode): string => ERRORS[code].action.replaceAll('`moltbot ', `\`${command} `),

  usageHint: (name: string) => `See: ${[command, name, '--help'].filter((word) => word !== '').join(' ')}`,
  didYouMean: (names: string) => `Did you mean \`${names}\`?`,
  unknownCommand: (name: string) => `There is no command \`${name}\`.`,
  unknownOption: (name: string) => `There is no option \`${name}\`.`,
  missingArgument: (name: string) => `\`${name}\` is missing.`,
  missingValue: (option: string) => `\`${option}\` needs a value.`,
  excessArguments: (words: string) => `There is more than this command takes: \`${words}\`.`,
  badUrl: (url: string) => `\`${url}\` is no address: write it as http://127.0.0.1:8080.`,
  urlWithPassword: 'An address holds no user and no password: a key goes into MOLTBOT_API_KEY.',
  badKey: 'The API key holds a space or a character that no key has.',

  starting: 'starting …',
  preparingDatabase: 'preparing the database (once, a few seconds) …',
  databaseElsewhere: (folder: string) =>
    `the database’s files are in ${folder}: its own user can't reach the home folder`,
  databaseLost: 'the database ended; it is started again',
  stopping: 'stopping; running answers may end first (once more: at once) …',
  alreadyRunning: (pid: number, url: string) =>
    `MoltBot runs already for this home (process ${pid}${url === '' ? '' : `, ${url}`}). Stop it first, or use another MOLTBOT_HOME.`,
  notBuilt: (role: string, path: string) =>
    `The ${role} is not built (${path} is missing). Run: npx -y pnpm@12 run build`,
  ready: (url: string) => `MoltBot is ready: ${url}`,
  chain: (chain: string) => `chain: ${chain}`,
  places: (docs: string, metrics: string) => `API: ${docs}   metrics: ${metrics}`,
  simulated: 'The demo model answers: its text is SIMULATED. Add a key or a local server for a real one.',
  localServer: (provider: string, url: string, models: string) =>
    `found on this machine: ${provider} at ${url}${models === '' ? ' (no models loaded)' : ` (${models})`}`,
  useLocalServer: (model: string) => `to use it: ${command} config set models.primary ${model}`,
  nextStepKey: `Next: MOLTBOT_API_KEY=YOUR_KEY ${command} chat "Hello"`,
  openToOthers: (host: string) => `listens on ${host}: others can reach it; every call needs an API key`,
  lastGoodConfig: (mistakes: string) =>
    `the configuration has mistakes; what runs keeps the last good one:\n${mistakes}`,
  nextStepDemo: `Next: ${command} chat "Hello"`,
  nextStep: `Next: ${command} models test`,
  roleBack: (role: string) => `the ${role} is back`,
  roleDied: (role: string, how: string | number | null, ms: number) =>
    `the ${role} ended (${String(how)}); starting it again in ${ms / 1_000} s`,
  roleWaits: (role: string, ms: number) => `the ${role} did not start, see above; trying again in ${ms / 1_000} s`,
  roleNotStarted: (role: string) => `The ${role} did not start; its message is above.`,

  stateReady: 'ready',
  stateNotReady: 'not ready',
  stateDown: 'not running',
  stateOtherRole: {
    primary: 'not here; a worker of MoltBot has its port',
    worker: 'not here; a primary of MoltBot has its port',
  },
  stateOtherHome: 'not running; its port is held by a MoltBot with another MOLTBOT_HOME',
  version: (version: string) => `version ${version}`,
  requestsInFlight: (count: number) => `${count} in flight`,
  jobsActive: (count: number) => `${count} jobs active`,
  notRunning: `No server answers. Start one: ${command} start`,
  supervisorOnly: (pid: number) => `\`${command} start\` runs (process ${pid}), but neither role answers (yet).`,
  serving: (url: string, pid: number | undefined) => `serving ${url}${pid === undefined ? '' : ` (process ${pid})`}`,
  unreachable: (url: string) =>
    `No server answers at ${url}. Start one with \`${command} start\`, or name another with --url.`,
  notOurs: (url: string) => `What answers at ${url} is no MoltBot, or it does not answer in time.`,

  emptyText: 'There is nothing to ask: give a text, or start a session on a terminal.',
  stdinTooLarge: (megabytes: number) => `stdin holds more than ${megabytes} MB.`,
  brokeOff: (reason: string) => `[the answer broke off: ${reason}]`,
  connectionBroke: 'the connection to MoltBot broke',
  noEndMarker: 'the stream ended without its end marker',
  notReadable: 'the stream holds something that is no event',
  lengthReached: '[the answer stops at its token limit]',
  takenOverMidway: (writers: string) => `in mid-answer ${writers}`,
  footerCost: (cost: string) => `cost ${cost}`,
  footerCostUnknown: 'cost unknown (no price configured)',
  footerTokens: (input: number, output: number) => `${input} + ${output} tokens`,
  footerTokensUnknown: 'tokens unknown',
  footerFallback: (text: string) => `fallback ${text}`,
  simulatedMark: 'SIMULATED',
  cancelled: '[cancelled]',
  replWelcome: 'A session with MoltBot. /help lists what else you can type; Ctrl-C cancels an answer, Ctrl-D leaves.',
  replHelp: [
    '/model NAME    ask another chain or model from now on (alone: which one it is)',
    '/models        list chains and models',
    '/system TEXT   set the system prompt (alone: remove it)',
    '/new           forget the conversation',
    '/exit          leave',
    'A line that ends with \\ goes on in the next one; lines pasted at once are one text.',
  ].join('\n'),
  replModel: (name: string) => `model: ${name}`,
  replNew: 'a new conversation',
  replSystem: (text: string) => (text === '' ? 'no system prompt' : `system prompt: ${text}`),
  replUnknown: (name: string) => `There is no ${name}. /help lists what there is.`,

  columnName: 'NAME',
  columnKind: 'KIND',
  columnState: 'STATE',
  columnMembers: 'MODELS',
  kindChain: 'chain',
  kindModel: 'model',
  modelReady: 'ready',
  modelNotReady: 'no credential',
  fromConfiguration: 'No server runs: this is what the configuration says.',
  testing: (name: string) => `testing ${name} …`,
  testOk: (model: string, ms: number) => `answered by ${model} in ${ms} ms`,
  testFellBack: (text: string) => `another model answered: ${text}`,
  testTimedOut: (seconds: number) => `no answer within ${seconds} s`,
  noModels: 'Nothing to test: no model is configured.',

  configOk: (files: string) => `No mistakes in ${files}.`,
  configSet: (key: string, value: string) => `${key}: ${value}`,
  configWritten: (file: string) => `written to ${file}`,
  configNeedsRestart: 'This setting takes effect at the next start.',
});
