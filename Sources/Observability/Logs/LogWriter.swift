public import Dispatch
internal import Synchronization

/// Takes log lines without ever waiting and writes them elsewhere, in order.
///
/// Whoever logs only appends to a buffer. A serial Dispatch queue empties it: it has a thread of
/// its own as long as there is something to write, also while the reader of the log stalls, and
/// none when all is quiet. Past the buffer's bound lines are dropped and counted, and a later line
/// says how many.
public final class LogWriter: Sendable {
  private struct State {
    var buffer: [UInt8] = []
    /// Dropped since the last line that told of it.
    var dropped = 0
    var isWriting = false
  }

  private let state = Mutex(State())
  private let droppedTotal = Atomic<Int>(0)
  private let bytesMax: Int
  private let queue = DispatchQueue(label: "log")
  private let writing = DispatchGroup()
  private let sink: @Sendable ([UInt8]) -> Void

  /// Writes to a descriptor, the standard error unless told otherwise.
  /// - Parameter bytesMax: lines that wait, in bytes. Default 1 MiB.
  public convenience init(descriptor: Int32 = 2, bytesMax: Int = 1 << 20) {
    self.init(bytesMax: bytesMax) { DescriptorOutput(descriptor: descriptor).send($0) }
  }

  /// Writes to `sink`, which may block.
  init(bytesMax: Int, sink: @escaping @Sendable ([UInt8]) -> Void) {
    self.bytesMax = bytesMax
    self.sink = sink
  }

  /// Lines dropped since the start, for a metric.
  public var linesDropped: Int { droppedTotal.load(ordering: .relaxed) }

  /// Takes a line with its line feed. Never blocks; from any thread.
  public func write(_ line: [UInt8]) {
    let mustStart = state.withLock { state in
      guard state.buffer.count + line.count <= bytesMax else {
        state.dropped += 1
        droppedTotal.add(1, ordering: .relaxed)
        return false
      }
      state.buffer.append(contentsOf: line)
      defer { state.isWriting = true }
      return !state.isWriting
    }
    guard mustStart else { return }
    queue.async(group: writing) { self.empty() }
  }

  /// Waits until everything is written, at most so long: for the end of the process. Blocks.
  /// - Returns: whether everything was written in time.
  @discardableResult
  public func flush(timeout: DispatchTimeInterval = .seconds(2)) -> Bool {
    writing.wait(timeout: .now() + timeout) == .success
  }

  private func empty() {
    while let lines = takeLines() { sink(lines) }
  }

  /// What there is to write; nil when there is nothing more, and the next line starts anew.
  private func takeLines() -> [UInt8]? {
    state.withLock { state in
      guard !state.buffer.isEmpty else {
        state.isWriting = false
        return nil
      }
      var lines: [UInt8] = []
      swap(&lines, &state.buffer)
      if state.dropped > 0 {
        lines.append(contentsOf: LogLine.dropped(state.dropped))
        state.dropped = 0
      }
      return lines
    }
  }
}
