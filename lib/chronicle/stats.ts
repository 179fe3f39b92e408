/**
 * What an open chronicle tells of its appends: counts, distributions, and messages to the diagnostics
 * channels.
 */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { channels } from './diagnostics.js';
import { type HousekeepingProblem, type HousekeepingStats, reportProblem } from './housekeeping.js';

/** One commit: the events that were written with one lock and one sync. */
export interface Commit {
  /** The absolute path of the file. */
  readonly path: string;
  /** How many were written. */
  readonly events: number;
  /** How many were not, because they were there. */
  readonly duplicates: number;
  /** How many bytes were written. */
  readonly bytes: number;
  /** Milliseconds waited for the lock. */
  readonly waited: number;
  /** Milliseconds that the sync took; 0 if there was none. */
  readonly synced: number;
  /** Whether a torn tail was closed. */
  readonly healed: boolean;
  /** Whether the file was rotated before. */
  readonly rotated: boolean;
}

/** How a figure is spread over the commits, to one percent; what is longer than 73 minutes counts as that. */
export interface Distribution {
  /** The least. */
  readonly min: number;
  /** The arithmetic mean. */
  readonly mean: number;
  /** The median. */
  readonly p50: number;
  /** What 99 in a hundred do not exceed. */
  readonly p99: number;
  /** The greatest. */
  readonly max: number;
}

/**
 * What a handle has done since it was opened; other handles and processes are not counted.
 *
 * @example
 *   const { events, commits, syncTime } = chronicle.stats();
 *   console.log(`${events} events in ${commits} commits; half of the syncs took ${syncTime.p50} ms at most`);
 */
export interface ChronicleStats {
  /** How often events were written, with one lock and one sync. */
  readonly commits: number;
  /** How many events were written. */
  readonly events: number;
  /** How many bytes were written. */
  readonly bytes: number;
  /** How many events were not written, because they were there. */
  readonly duplicates: number;
  /** Torn tails that were closed. */
  readonly heals: number;
  /** How often the file was rotated. */
  readonly rotations: number;
  /** What could not be done besides appending: rotations, removals of rotated files. */
  readonly housekeeping: HousekeepingStats;
  /** Appends that are not settled yet. */
  readonly pending: PendingAppends;
  /** What deduplication remembers. */
  readonly known: KnownIds;
  /** How many events were written with one commit. */
  readonly eventsPerCommit: Distribution;
  /** How long commits waited for the lock, in milliseconds. */
  readonly lockWait: Distribution;
  /** How long syncs took, in milliseconds. */
  readonly syncTime: Distribution;
}

/** Appends that are not settled yet. */
export interface PendingAppends {
  /** How many events. */
  readonly events: number;
  /** The length of their lines, in bytes. */
  readonly bytes: number;
}

/** What deduplication remembers. */
export interface KnownIds {
  /** How many ids. */
  readonly ids: number;
  /** The memory that they take, in bytes. */
  readonly bytes: number;
}

const nanoseconds = 1e6;

/** Node's defaults take ten times the memory of each open chronicle, and tell no more that matters. */
const precision = { lowest: 1, highest: 2 ** 42, figures: 2 };

/** What a commit came to, as whoever made it counts. */
export interface CommitFigures {
  /** How many events. */
  readonly written: number;
  readonly duplicates: number;
  readonly bytes: number;
  /** Nanoseconds. */
  readonly waitedNs: number;
  /** Nanoseconds. */
  readonly syncedNs: number;
  readonly healed: boolean;
  readonly rotated: boolean;
}

export class CommitLog {
  readonly #path: string;
  readonly #eventsPerCommit = createHistogram(precision);
  readonly #lockWait = createHistogram(precision);
  readonly #syncTime = createHistogram(precision);
  #commits = 0;
  #events = 0;
  #bytes = 0;
  #duplicates = 0;
  #heals = 0;
  #rotations = 0;
  #failedRotations = 0;
  #failedRemovals = 0;
  #foreignFiles = 0;
  #lastProblem: HousekeepingProblem | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  record(figures: CommitFigures): void {
    const { written, duplicates, bytes, waitedNs, syncedNs, healed, rotated } = figures;
    this.#commits++;
    this.#events += written;
    this.#bytes += bytes;
    this.#duplicates += duplicates;
    if (healed) this.#heals++;
    if (rotated) this.#rotations++;
    // A histogram takes numbers from 1 on.
    if (written > 0) this.#eventsPerCommit.record(written);
    this.#lockWait.record(Math.min(Math.max(1, waitedNs), precision.highest));
    if (syncedNs > 0) this.#syncTime.record(Math.min(syncedNs, precision.highest));
    if (rotated && channels.rotate.hasSubscribers) channels.rotate.publish({ path: this.#path });
    if (!channels.commit.hasSubscribers) return;
    const commit: Commit = {
      path: this.#path,
      events: written,
      duplicates,
      bytes,
      waited: waitedNs / nanoseconds,
      synced: syncedNs / nanoseconds,
      healed,
      rotated,
    };
    channels.commit.publish(commit);
  }

  recordProblem(problem: HousekeepingProblem): void {
    if (problem.problem === 'rotation') this.#failedRotations++;
    else if (problem.problem === 'removal') this.#failedRemovals += problem.count;
    else this.#foreignFiles++;
    this.#lastProblem = problem;
    reportProblem(problem);
  }

  /** After a write whose outcome is unknown: the appender writes no more. */
  recordPoison(error: Error): void {
    if (channels.poison.hasSubscribers) channels.poison.publish({ path: this.#path, error });
  }

  stats(): Omit<ChronicleStats, 'pending' | 'known'> {
    return {
      commits: this.#commits,
      events: this.#events,
      bytes: this.#bytes,
      duplicates: this.#duplicates,
      heals: this.#heals,
      rotations: this.#rotations,
      housekeeping: {
        failedRotations: this.#failedRotations,
        failedRemovals: this.#failedRemovals,
        foreignFiles: this.#foreignFiles,
        last: this.#lastProblem,
      },
      eventsPerCommit: distribution(this.#eventsPerCommit, 1),
      lockWait: distribution(this.#lockWait, nanoseconds),
      syncTime: distribution(this.#syncTime, nanoseconds),
    };
  }
}

function distribution(histogram: RecordableHistogram, unit: number): Distribution {
  if (histogram.count === 0) return { min: 0, mean: 0, p50: 0, p99: 0, max: 0 };
  return {
    min: histogram.min / unit,
    mean: histogram.mean / unit,
    p50: histogram.percentile(50) / unit,
    p99: histogram.percentile(99) / unit,
    max: histogram.max / unit,
  };
}
