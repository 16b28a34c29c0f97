export {
  DRILL_SITUATIONS,
  type DrillAttempt,
  type DrillFinding,
  type DrillFindingCode,
  type DrillMove,
  type DrillProblem,
  type DrillReport,
  type DrillRun,
  type DrillSituation,
  type DrillSkip,
  type DrillTarget,
} from './report.js';
export { DRILL_ROW_IDS, drillRow, type DrillRow, type DrillRowId } from './rows.js';
export { type DrillProgress, runDrill, type RunDrillOptions } from './run-drill.js';
export { runDrillApart, type RunDrillApartOptions } from './run-drill-apart.js';
