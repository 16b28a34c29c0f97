export interface ServiceDefinition {
  /** Program and arguments. */
  readonly command: readonly string[];
  /** By name; may hold secrets (a proxy's password): the file is for its owner only. */
  readonly environment: Readonly<Record<string, string>>;
  readonly logFile: string;
}

/** Exit codes that another try does not mend: wrong words, a configuration with mistakes. */
export const FINAL_EXITS = [2, 4] as const;

/** A user unit. Quoting: systemd.service(5), "COMMAND LINES"; `:` keeps `$` as it is. */
export function systemdUnit({ command, environment }: ServiceDefinition): string {
  const variables = Object.entries(environment).map(([name, value]) => `Environment=${quoted(`${name}=${value}`)}`);
  return `# Written by \`moltbot service install\`; \`moltbot service uninstall\` removes it.
[Unit]
Description=MoltBot, a server for conversational AI
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=:${command.map(quoted).join(' ')}
${variables.join('\n')}
Restart=always
RestartSec=2
RestartPreventExitStatus=${FINAL_EXITS.join(' ')}
# Running answers may end first; the database is last.
KillMode=mixed
TimeoutStopSec=90
NoNewPrivileges=true

[Install]
WantedBy=default.target
`;
}

function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&').replaceAll('%', '%%').replaceAll('\n', '\\n')}"`;
}
