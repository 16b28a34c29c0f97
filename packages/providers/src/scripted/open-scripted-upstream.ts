import type { ScriptedUpstream, ScriptedUpstreamOptions } from './scripted-upstream.js';

/** The faulty upstream on a loopback socket. Its code is loaded here only: who merely answers requests never needs it. */
export async function openScriptedUpstream(options: ScriptedUpstreamOptions): Promise<ScriptedUpstream> {
  const { startScriptedUpstream } = await import('./scripted-upstream.js');
  return await startScriptedUpstream(options);
}
