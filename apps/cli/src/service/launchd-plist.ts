import { FINAL_EXITS, type ServiceDefinition } from './systemd-unit.js';

export const LAUNCHD_LABEL = 'local.moltbot';

const MAX_LOG_BYTES = 10_000_000;

/**
 * What launchd can't: it starts again after every failure, and lets a log grow. This shell runs the program (`$2…`), hands it
 * the signal to stop, calls an end that another try does not mend a good one, and empties the log (`$1`, which launchd
 * appends to) into `….1` when it is too big.
 */
const KEEPER = `log=$1; shift
turn() { if [ "$(wc -c <"$log")" -gt ${MAX_LOG_BYTES} ]; then cp "$log" "$log.1" && : >"$log"; fi; }
turn
while sleep 60; do turn; done >/dev/null 2>&1 &
turns=$!
"$@" &
program=$!
trap 'kill -TERM $program' TERM INT HUP
while wait $program; code=$?; kill -0 $program 2>/dev/null; do :; done
kill $turns
case $code in ${FINAL_EXITS.join('|')}) echo "moltbot: not started again until this is mended" >&2; exit 0 ;; esac
exit $code`;

/** An agent of the user's session: launchd.plist(5). */
export function launchdPlist({ command, environment, logFile }: ServiceDefinition): string {
  const variables = Object.entries(environment).map(([name, value]) => `${key(name)}${text(value)}`);
  const program = ['/bin/sh', '-c', KEEPER, 'moltbot', logFile, ...command];
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
${key('Label')}${text(LAUNCHD_LABEL)}
${key('ProgramArguments')}<array>${program.map(text).join('')}</array>
${key('EnvironmentVariables')}<dict>${variables.join('')}</dict>
${key('RunAtLoad')}<true/>
${key('KeepAlive')}<dict>${key('SuccessfulExit')}<false/></dict>
${key('ThrottleInterval')}<integer>10</integer>
${key('ExitTimeOut')}<integer>90</integer>
${key('StandardOutPath')}${text(logFile)}
${key('StandardErrorPath')}${text(logFile)}
</dict>
</plist>
`;
}

const key = (name: string): string => `<key>${escaped(name)}</key>`;
const text = (value: string): string => `<string>${escaped(value)}</string>`;

function escaped(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
