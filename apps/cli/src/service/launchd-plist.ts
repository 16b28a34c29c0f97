import type { ServiceDefinition } from './systemd-unit.js';

export const LAUNCHD_LABEL = 'local.moltbot';

/** An agent of the user's session: launchd.plist(5). */
export function launchdPlist({ command, environment, logFile }: ServiceDefinition): string {
  const variables = Object.entries(environment).map(([name, value]) => `${key(name)}${text(value)}`);
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
${key('Label')}${text(LAUNCHD_LABEL)}
${key('ProgramArguments')}<array>${command.map(text).join('')}</array>
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
