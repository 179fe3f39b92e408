/**
 * One subject, group commit: appends that are made in the same turn of the event loop cross to the batch writer
 * (native/append) in batches, and all that is there when it is ready forms one commit. Here is what crosses:
 * batches and answers one way, replies the other. Native code recognises lines and ids; only a JSON parser
 * can say whether two ids are the same, so that question comes here.
 */
import { toNativePath } from '../../../base/arguments.js';
import { atExit, isExiting } from '../../../base/at-exit.js';
import { fenced, HoldfastError, lockTimeout, poisoned } from '../../../base/errors.js';
import type { Fence, LockHolder } from '../../../base/lock-holder.js';
import type { NativePath } from '../../../base/paths.js';
import type { Settings } from '../../../chronicle/options.js';
import type { AppendResult } from '../../../chronicle/results.js';
import { type ChronicleStats, CommitLog } from '../../../chronicle/stats.js';
import { idOf } from '../../../event/event-id.js';
import type { EventLine } from '../../../event/event-line.js';
import { parseLine } from '../../../event/line.js';
import { findHolders, findHoldersSync } from '../../../lock/holders.js';
import { giveBackOffers } from '../../../lock/offers.js';
import { native } from '../../../native/addon.js';
import {
  type ChainMode,
  chainMode,
  type FailureReply,
  type Question,
  type RawReply,
  unpackReply,
  type Writer,
  type WriterReply,
  writerStatus,
} from '../../../native/protocol.js';
import { finishBusy, isBusy, isIdle, lockWaitLeft } from './busy.js';
import { failureOf } from './failure.js';
import { roomFor } from './line-buffer.js';
import { NextBatch } from './next-batch.js';
import { type Call, PendingCalls } from './pending-calls.js';
import { recordProblems } from './problems.js';
import { writerOptions } from './writer-options.js';

/** A batch of this many bytes is sent at once, and takes no other call that would make it larger. */
const maxBatchBytes = 1024 * 1024;

export class Appender {
  readonly #path: NativePath;
  readonly #name: string;
  readonly #settings: Settings;
  readonly #writer: Writer;
  readonly #log: CommitLog;
  readonly #maxBatchBytes: number;
  readonly #pending: PendingCalls;
  #next: NextBatch | undefined;
  /** Whether {@link tick} is to be called: once, however many batches a turn sends before. */
  #isTicking = false;
  #known = { ids: 0, bytes: 0 };
  /** How long a sync takes, in milliseconds: the last ones count most. */
  #syncTime = 0;
  #closing: Promise<void> | undefined;
  #closed: () => void = () => {};
  #opened: ((error: Error | undefined) => void) | undefined;
  /** Why nothing can be appended any more. */
  #broken: HoldfastError | undefined;
  /** Whether the thread is blocked until an append is settled. */
  #blocks = false;

  constructor(
    path: NativePath,
    settings: Settings,
    chain: ChainMode = settings.chain ? chainMode.on : chainMode.off,
  ) {
    this.#path = path;
    this.#name = path.toString();
    this.#settings = settings;
    this.#log = new CommitLog(this.#name);
    this.#pending = new PendingCalls(this.#name);
    atExit('write pending appends', finishBusy);
    const options = writerOptions(settings, chain);
    const { maxBytes } = options.rotation;
    // With rotation, what crosses together must fit into one file.
    this.#maxBatchBytes = maxBytes > 0 ? Math.min(maxBatchBytes, maxBytes) : maxBatchBytes;
    this.#writer = new native.Writer(path, options, (reply) => this.#settle(reply));
  }

  /** Creates the file, and the directories above it. */
  open(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#opened = (error) => (error ? reject(error) : resolve());
      this.#writer.open();
    });
  }

  /** Blocks the thread until {@link open} is settled. Gives the error, where the file cannot be opened. */
  finishOpening(): Error | undefined {
    let failure: Error | undefined;
    const opened = this.#opened;
    this.#opened = (error) => {
      failure = error;
      opened?.(error);
    };
    this.#settleWhile(() => this.#opened !== undefined);
    return failure;
  }

  /** Appends one line. */
  append(
    line: EventLine,
    ifEnd: number | undefined,
    resolve: (result: AppendResult) => void,
    reject: (error: Error) => void,
    fence?: Fence,
  ): void {
    this.#add([line], { count: undefined, ifEnd, fence: fence && atPath(fence), resolve, reject });
  }

  /** Appends lines of which all are acknowledged or none. */
  appendMany(
    lines: readonly EventLine[],
    ifEnd: number | undefined,
    resolve: (results: AppendResult[]) => void,
    reject: (error: Error) => void,
    fence?: Fence,
  ): void {
    this.#add(lines, { count: lines.length, ifEnd, fence: fence && atPath(fence), resolve, reject });
  }

  /** Appends texts that are whole lines, but for the newline at their end: all of them are acknowledged or none. */
  appendText(
    texts: readonly string[],
    lines: number,
    resolve: () => void,
    reject: (error: Error) => void,
  ): void {
    this.#add(
      texts.map((text) => ({ text, id: undefined })),
      { count: lines, ifEnd: undefined, fence: undefined, asText: true, resolve, reject },
    );
  }

  /** As {@link append}, and blocks the thread until it is settled, with all that was appended before. */
  appendSync(line: EventLine, ifEnd: number | undefined, fence?: Fence): AppendResult {
    let result: AppendResult | undefined;
    let failure: Error | undefined;
    this.append(
      line,
      ifEnd,
      (settled) => {
        result = settled;
      },
      (error) => {
        failure = error;
      },
      fence,
    );
    this.#settleWhile(() => !result && !failure);
    if (result) return result;
    throw failure ?? new Error('the append was not settled'); // for want of memory
  }

  /** Blocks the thread until everything that was appended before is settled. */
  drainSync(): void {
    this.#settleWhile(() => this.#pending.haveCrossed);
  }

  #settleWhile(holds: () => boolean): void {
    this.#send(true);
    this.#pending.settleNow();
    this.#blocks = true;
    try {
      while (holds() && this.#settleNext());
    } finally {
      this.#blocks = false;
    }
  }

  #add(lines: readonly EventLine[], call: Call): void {
    if (this.#broken) {
      call.reject(this.#broken);
      return;
    }
    const room = roomFor(lines);
    if (this.#next && !this.#next.takes(call, room, this.#maxBatchBytes)) this.send();
    const next = this.#next ?? this.#begin(call.fence);
    const { batch } = next;
    next.lines.reserve(room); // from here on nothing fails
    if (call.ifEnd !== undefined) next.addCondition(lines.length, call.ifEnd);
    for (const { text } of lines) next.lines.add(text);
    this.#pending.add(batch, call, lines, next.lines.length - batch.bytes);
    if (isExiting()) {
      this.send();
      this.finish();
    } else if (batch.bytes > this.#maxBatchBytes || next.hasTakenLong(this.#syncTime)) {
      this.send();
    }
  }

  #begin(fence: Fence | undefined): NextBatch {
    const next = new NextBatch(this.#pending.begin(fence));
    this.#next = next;
    isBusy(this);
    if (!this.#isTicking) process.nextTick(tick, this);
    this.#isTicking = true;
    return next;
  }

  /** At the end of a turn. */
  tick(): void {
    this.#isTicking = false;
    this.send();
  }

  /** Hands over what was appended so far. */
  send(): void {
    this.#send(false);
  }

  /** @param blocks the thread, until it is settled */
  #send(blocks: boolean): void {
    if (!this.#next) return;
    const { batch, lines, demands } = this.#next;
    const { buffer, length } = lines;
    const count = batch.ids.length;
    this.#next = undefined;
    let reply: RawReply | undefined;
    try {
      if (blocks) reply = this.#writer.appendOnThisThread(buffer, length, count, demands);
      else this.#writer.append(buffer, length, count, demands);
      this.#pending.cross(batch);
    } catch (error) {
      this.#pending.drop(batch, error as Error); // there was no memory for it
      this.#forgetIfIdle();
    }
    lines.release();
    if (reply) this.#settle(reply);
  }

  /** True when nothing can be appended any more. */
  get isBroken(): boolean {
    return this.#broken !== undefined;
  }

  stats(): ChronicleStats {
    return { ...this.#log.stats(), pending: this.#pending.sizes, known: { ...this.#known } };
  }

  /** Resolves when not too much is pending. */
  ready(): Promise<void> {
    return this.#pending.ready();
  }

  /** Resolves when everything that was appended before is settled. */
  drain(): Promise<void> {
    return this.#pending.drain();
  }

  /** Resolves when the file is closed. What is appended from now on is refused. */
  close(): Promise<void> {
    this.#broken ??= new HoldfastError('ECLOSED', `the chronicle '${this.#name}' is closed`, {
      path: this.#name,
    });
    this.#closing ??= new Promise((resolve) => {
      this.#closed = resolve;
      this.#writer.close();
    });
    return this.#closing;
  }

  /**
   * At the end of the process, after {@link send}: what was appended is written. Nobody waits for the promises any
   * more. A lock is waited for as long as {@link lockWaitLeft} says, and then only tried.
   */
  finish(): void {
    while (this.#pending.haveCrossed && this.#settleNext(lockWaitLeft(this.#settings.lockTimeout)));
  }

  #settleNext(lockWait?: number): boolean {
    giveBackOffers();
    return this.#writer.settleNext(lockWait);
  }

  #settle(raw: RawReply): void {
    const problems = raw.details?.problems;
    this.#settleReply(unpackReply(raw));
    // Last, because who listens to it may append and be settled, which fills the reply anew.
    if (problems) recordProblems(problems, this.#name, this.#log);
  }

  #settleReply(reply: WriterReply): void {
    switch (reply.status) {
      case writerStatus.ask:
        this.#answer(reply.questions);
        return;
      case writerStatus.closed:
        this.#closed();
        return;
      case writerStatus.committed:
        if (this.#settleOpen(undefined)) return;
        this.#known = { ids: reply.knownIds, bytes: reply.knownBytes };
        this.#syncTime += (reply.syncedNs / 1e6 - this.#syncTime) / 8;
        this.#pending.acknowledge(reply);
        // After it, because who listens to it may append and be settled, which fills the reply anew.
        this.#log.record(reply);
        break;
      case writerStatus.lockTimeout:
        this.#rejectTimedOut(reply.batches, reply.waitedNs / 1e6);
        break;
      default: {
        const error = this.#errorOf(reply);
        if (this.#settleOpen(error)) return;
        this.#pending.reject(reply.batches, error);
      }
    }
    this.#forgetIfIdle();
  }

  #forgetIfIdle(): void {
    if (!this.#pending.haveCrossed && !this.#next) isIdle(this);
  }

  /** Settles {@link open}, if that is what was replied to. */
  #settleOpen(error: Error | undefined): boolean {
    const opened = this.#opened;
    this.#opened = undefined;
    opened?.(error);
    return opened !== undefined;
  }

  /** Tells which lines are in the file already: those whose id is that of the event there. */
  #answer(questions: readonly Question[]): void {
    const ids = this.#pending.idsOf(questions.map(({ line }) => line));
    const answers = questions.map(({ offset, text }, index) => {
      const parsed = parseLine(text, offset, text.length);
      return parsed.kind === 'event' && idOf(parsed.event, this.#settings.idKey) === ids[index];
    });
    this.#writer.answer(answers);
  }

  /**
   * The error says who has the lock. To find that out takes a moment, in which the event loop goes on, unless
   * it is blocked anyway.
   */
  #rejectTimedOut(batches: number, waited: number): void {
    const errorWith = (holders: readonly LockHolder[]) =>
      lockTimeout({ path: this.#name, mode: 'exclusive', waited, holders });
    const errorNow = () => errorWith(findHoldersSync(this.#path));
    if (this.#blocks || isExiting()) {
      const error = this.#blocks ? errorNow() : errorWith([]); // which nobody sees any more
      if (!this.#settleOpen(error)) this.#pending.reject(batches, error);
      return;
    }
    const error = findHolders(this.#path).then(errorWith);
    if (this.#opened) void error.then((known) => this.#settleOpen(known));
    else this.#pending.rejectLater(batches, error, errorNow);
  }

  #errorOf(reply: FailureReply): HoldfastError {
    if (reply.status === writerStatus.fenced) return fenced(this.#name, this.#pending.fence as Fence);
    const error = failureOf(reply, this.#name, this.#settings.idKey);
    if (reply.status === writerStatus.poisoned) {
      this.#broken ??= error;
      return this.#broken;
    }
    if (reply.status === writerStatus.unknown) {
      this.#broken ??= poisoned(error.cause as Error, this.#name);
      this.#log.recordPoison(error);
    }
    return error;
  }
}

/** Of the lock on a file. */
function atPath({ path, fence }: Fence): Fence {
  return { path: toNativePath(path, 'fence.path').toString(), fence };
}

function tick(appender: Appender): void {
  appender.tick();
}
