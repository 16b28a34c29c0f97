export { analyzeSource, MAX_LINE_BYTES, type SourceReport } from './analysis/analyze-source.js';
export type { BaselineWindow } from './analysis/baseline-times.js';
export { LogAnalyzer, type LogAnalyzerOptions, type SourceRole } from './analysis/log-analyzer.js';
export { maskSecrets } from './analysis/mask-secrets.js';
export { TemplateSpill } from './analysis/template-spill.js';
export { FORMATS, LEVELS, type LevelName, type LogFormat } from './formats/log-record.js';
export { DEFAULT_INPUT_LIMITS, type InputLimits } from './lines/open-input.js';
export { LOG_INPUT_ERRORS, LogInputError, type LogInputErrorCode } from './log-input-error.js';
export { renderTemplate, resolveTemplate, type Template } from './miner/template.js';
export { DEFAULT_MINER_LIMITS, type MinerLimits, TemplateMiner } from './miner/template-miner.js';
export { buildReport, type BuildReportOptions } from './report/build-report.js';
export type {
  ChangeReport,
  ChangesReport,
  CoverageReport,
  LatencyReport,
  LogReport,
  OddSequenceReport,
  RouteReport,
  SpikeReport,
  SummaryReport,
  TemplateReport,
  TraceReport,
  VariableReport,
} from './report/report.js';
export { REPORT_VERSION } from './report/report.js';
export { toHtml } from './report/to-html.js';
export { readSummary, withSummary } from './report/read-summary.js';
export { type SummaryPrompt, toSummaryPrompt } from './report/to-summary-prompt.js';
export { toTemplatesJsonl } from './report/to-templates-jsonl.js';
export { toText } from './report/to-text.js';
export { MaskedMessage } from './scanner/masked-message.js';
export { scanMessage } from './scanner/scan-message.js';
export { runLogAnalysisInThread } from './run/run-in-thread.js';
export {
  type LogAnalysisProgress,
  type LogAnalysisTask,
  type LogInput,
  runLogAnalysis,
} from './run/run-log-analysis.js';
