/**
 * The report of an analysis, as text.
 */
import { describe, readFrom } from '../../base/arguments.js';
import { invalid } from '../../base/errors.js';
import { isObject } from '../../event/line.js';
import type { ChronicleAnalysis } from './analysis.js';

const topActors = 5;

/** An analysis in lines for people to read, without a newline at the end. */
export function formatAnalysisReport(analysis: ChronicleAnalysis): string {
  return readFrom('analysis', () => reportOf(analysis));
}

function reportOf(analysis: ChronicleAnalysis): string {
  if (!isObject(analysis)) throw invalid('analysis', `expected an object, got ${describe(analysis)}`);
  const { totalEvents, timeRange, actors, eventTypes, causalChainIntegrity: chain } = analysis;
  const byCount = Object.entries(actors).sort(([, a], [, b]) => b.eventCount - a.eventCount);
  const lines = ['=== Chronicle Analysis Report ===', `Total Events: ${totalEvents}`];
  const section = (title: string, content: string[]) => lines.push('', `--- ${title} ---`, ...content);

  if (timeRange) lines.push(`Time Range: ${timeRange.start} to ${timeRange.end}`);
  lines.push(`Actors: ${byCount.length}`, `Event Types: ${Object.keys(eventTypes).length}`);
  section(
    'Event Type Distribution',
    Object.entries(eventTypes).map(([type, count]) => `  ${type}: ${count}`),
  );
  section(
    'Top Actors',
    byCount.slice(0, topActors).map(([key, { eventCount }]) => `  ${key}: ${eventCount} events`),
  );
  if (chain.chainedEvents > 0) {
    section('Causal Chain', [
      `Chained Events: ${chain.chainedEvents}/${totalEvents}`,
      `Chain Integrity: ${chain.isValid ? 'Valid' : 'BROKEN'}`,
    ]);
  }
  if (analysis.warnings.length > 0)
    section(
      'Warnings',
      analysis.warnings.map((text) => `  ⚠️  ${text}`),
    );
  if (analysis.errors.length > 0)
    section(
      'Errors',
      analysis.errors.map((text) => `  ❌ ${text}`),
    );
  return lines.join('\n');
}
