internal import Basics
internal import Dispatch
internal import Logging
internal import Observability
internal import Service
internal import Synchronization

/// The log of who has written what (`KV_AUDIT_FILE`), a line for each request that writes.
///
/// A loop only appends a record to a bounded queue, and never waits for the disk: hashes and lines
/// are made where they are written, on a serial Dispatch queue. Records that do not fit, and lines
/// that the disk does not take, are lost: requests are served all the same. They are counted, the
/// log of the process warns of them, and the next line that can be written says how many are
/// missing before it.
///
/// The lines of one moment are one `write` at the end of the file (`O_APPEND`), so that several
/// processes of a machine can share a file.
final class AuditLog: Sendable {
  private struct State {
    var records: [AuditRecord] = []
    /// The weight of all of them.
    var bytes = 0
    /// Records that did not fit since the last that were taken.
    var refused = 0
    var mustReopen = false
    var isWriting = false
  }

  /// What there is to do at once.
  private struct Work {
    let records: [AuditRecord]
    let refused: Int
    let mustReopen: Bool
  }

  /// What only the queue touches.
  private struct Output: ~Copyable {
    var file: AuditFile
    /// Lines that no line of the file speaks of yet.
    var missing = 0
  }

  private let state = Mutex(State())
  private let output: Mutex<Output>
  private let queue = DispatchQueue(label: "audit")
  private let writing = DispatchGroup()
  private let metrics: AuditMetrics
  private let logger: Logger
  private let warnings: RepeatedWarnings
  private let bytesMax: Int

  /// Opens the file at `path`.
  /// - Parameter bytesMax: the bound of the queue. Default: 8 MiB, some 25,000 requests.
  init(
    path: String, metrics: AuditMetrics, logger: Logger, warnings: RepeatedWarnings,
    bytesMax: Int = 8 << 20
  ) throws(AuditFileError) {
    output = Mutex(Output(file: try AuditFile(path: path)))
    self.metrics = metrics
    self.logger = logger
    self.warnings = warnings
    self.bytesMax = bytesMax
  }

  /// Takes a record. Never blocks. Any thread may call it.
  func append(_ record: AuditRecord) {
    if case .nothing = record.subject { return }
    let weight = record.weight
    let hasPlace = start { state in
      guard state.records.isEmpty || state.bytes + weight <= bytesMax else {
        state.refused += 1
        return false
      }
      state.records.append(record)
      state.bytes += weight
      return true
    }
    if !hasPlace { metrics.lost[.full].add() }
  }

  /// Opens the file again, as after it was moved away.
  func reopen() {
    _ = start {
      $0.mustReopen = true
      return true
    }
  }

  /// Blocks until all lines are written, for at most `timeout`. For the end of the process.
  /// - Returns: whether all lines were written in time.
  @discardableResult
  func flush(timeout: DispatchTimeInterval = .seconds(2)) -> Bool {
    writing.wait(timeout: .now() + timeout) == .success
  }

  /// Changes the state, and wakes the queue if it rests.
  private func start(_ change: (inout State) -> Bool) -> Bool {
    let (result, mustStart) = state.withLock { state in
      let result = change(&state)
      defer { state.isWriting = true }
      return (result, !state.isWriting)
    }
    if mustStart { queue.async(group: writing) { self.empty() } }
    return result
  }

  // MARK: On the queue

  private func empty() {
    while let work = take() { output.withLock { carryOut(work, to: &$0) } }
  }

  /// Takes all there is; nil if there is nothing: what comes next starts the queue again.
  private func take() -> Work? {
    state.withLock { state in
      guard !state.records.isEmpty || state.mustReopen || state.refused > 0 else {
        state.isWriting = false
        return nil
      }
      let work = Work(
        records: state.records, refused: state.refused, mustReopen: state.mustReopen)
      state = State(isWriting: true)
      return work
    }
  }

  private func carryOut(_ work: Work, to output: inout Output) {
    if work.mustReopen { reopen(&output) }
    if work.refused > 0 {
      output.missing += work.refused
      warnings.log(
        "lines of the audit log are lost: it is written more slowly than requests come",
        kind: "audit full", metadata: ["lines": .stringConvertible(work.refused)])
    }
    if output.missing > 0 {
      let line = AuditRecord.lost(output.missing, time: SystemTime.microseconds())
      if output.file.append(line).error == nil { output.missing = 0 }
    }
    let lines = work.records.map(\.line)
    let (count, error) = output.file.append(Array(lines.joined()))
    guard let error else { return metrics.written.add(lines.count) }
    var end = 0
    let written = lines.prefix { line in
      end += line.count
      return end <= count
    }.count
    metrics.written.add(written)
    metrics.lost[.failed].add(lines.count - written)
    output.missing += lines.count - written
    warnings.log(
      "lines of the audit log are lost: it can't be written", kind: "audit failed",
      metadata: ["cause": "\(error)", "lines": .stringConvertible(lines.count - written)])
  }

  private func reopen(_ output: inout Output) {
    do throws(AuditFileError) {
      try output.file.reopen()
      logger.notice("opened the audit log again")
    } catch {
      warnings.log(
        "the audit log can't be opened again", kind: "audit reopen",
        metadata: ["cause": "\(error)"])
    }
  }
}

/// Why the audit log lacks a line.
enum AuditLoss: String, CaseIterable, Sendable {
  /// Requests came faster than lines were written.
  case full
  /// The file could not be written.
  case failed
}

/// Counts the lines of the audit log.
struct AuditMetrics: Sendable {
  let written: Counter
  let lost: LabelledCounters<AuditLoss>

  init(registry: MetricsRegistry) {
    written = registry.counter(MetricsCatalogue.auditLines)
    lost = LabelledCounters(MetricsCatalogue.auditLinesLost, by: "reason", in: registry)
  }
}

extension MetricsCatalogue {
  static let auditLines = MetricDescription.counter(
    "kv_audit_lines_total", "Lines written to the audit log.")
  static let auditLinesLost = MetricDescription.counter(
    "kv_audit_lines_lost_total",
    "Lines that the audit log lacks, by reason: its queue was full, or writing failed.")

  /// The metrics of the audit log.
  static let auditing = [auditLines, auditLinesLost]
}
