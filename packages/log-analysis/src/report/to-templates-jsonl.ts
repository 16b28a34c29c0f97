import type { LogAnalyzer } from '../analysis/log-analyzer.js';
import type { TemplateSpill } from '../analysis/template-spill.js';
import { renderTemplate } from '../miner/template.js';

const LINES_PER_CHUNK = 1_000;

/**
 * For each input line `{"line": n, "template": "…", "template_id": "…"}` with its final template, in pieces of text. A line that has
 * none (empty, outside the window, its template evicted) has two empty texts.
 */
export function* toTemplatesJsonl(options: {
  readonly analyzer: LogAnalyzer;
  readonly spill: TemplateSpill;
}): Generator<string> {
  const endings = new Map<number, string>();
  for (const template of options.analyzer.miner.templates) {
    endings.set(
      template.serial,
      `,"template":${JSON.stringify(renderTemplate(template))},"template_id":${JSON.stringify(template.id)}}\n`,
    );
  }
  const none = ',"template":"","template_id":""}\n';
  let line = 0;
  let text = '';
  for (const serial of options.spill.serials()) {
    line += 1;
    text += `{"line":${line}${endings.get(serial) ?? none}`;
    if (line % LINES_PER_CHUNK === 0) {
      yield text;
      text = '';
    }
  }
  if (text !== '') yield text;
}
