/**
 * What holdfast does, as OpenTelemetry metrics: from the diagnostics channels, which cost nothing while nobody listens.
 *
 *   npm run compile && node dist/examples/opentelemetry.mjs
 *
 * appends a few events and prints what was measured. A service calls `measureHoldfast` once, with its own meter.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Meter } from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { type Commit, openChronicle, withLock } from 'holdfast';

/** Measures all locks and chronicles of this thread, until the returned function is called. */
export function measureHoldfast(meter: Meter): () => void {
  const events = meter.createCounter('holdfast.events', { description: 'events written' });
  const duplicates = meter.createCounter('holdfast.duplicates', {
    description: 'events that were there already',
  });
  const synced = meter.createHistogram('holdfast.sync', { unit: 'ms', description: 'how long syncs took' });
  const waited = meter.createHistogram('holdfast.lock.wait', {
    unit: 'ms',
    description: 'how long locks were waited for',
  });
  const timeouts = meter.createCounter('holdfast.lock.timeouts', {
    description: 'waits that ended at their deadline',
  });
  const problems = meter.createCounter('holdfast.problems', {
    description: 'housekeeping that failed, syncs that failed',
  });

  const listeners: { readonly [channel: string]: (message: never) => void } = {
    'holdfast:chronicle:commit': (commit: Commit) => {
      const file = { path: commit.path };
      events.add(commit.events, file);
      duplicates.add(commit.duplicates, file);
      synced.record(commit.synced, file);
      waited.record(commit.waited, file);
    },
    'holdfast:chronicle:housekeeping': ({ path, problem }: { path: string; problem: string }) =>
      problems.add(1, { path, problem }),
    'holdfast:chronicle:poison': ({ path }: { path: string }) => problems.add(1, { path, problem: 'sync' }),
    'holdfast:lock:acquire': (lock: { path?: string; waited: number }) =>
      waited.record(lock.waited, { path: lock.path ?? '' }),
    'holdfast:lock:timeout': ({ path = '' }: { path?: string }) => timeouts.add(1, { path }),
  };
  for (const [channel, listener] of Object.entries(listeners)) subscribe(channel, listener as () => void);
  return () => {
    for (const [channel, listener] of Object.entries(listeners)) unsubscribe(channel, listener as () => void);
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const provider = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter })] });
  measureHoldfast(provider.getMeter('holdfast'));
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-metrics-'));
  await withLock(join(directory, 'lock'), async () => {
    await using chronicle = await openChronicle(join(directory, 'events.ndjson'));
    for (const number of [1, 2, 2]) await chronicle.append({ number });
  });
  await provider.forceFlush();
  for (const { scopeMetrics } of exporter.getMetrics())
    for (const { metrics } of scopeMetrics)
      for (const { descriptor, dataPoints } of metrics)
        console.log(descriptor.name, JSON.stringify(dataPoints.map(({ value }) => value)));
  await provider.shutdown();
}
