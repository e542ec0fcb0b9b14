public import Dispatch
internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// Takes log lines without ever blocking and writes them to the log in order.
///
/// A caller only appends to a buffer. A serial Dispatch queue empties the buffer: it has a thread
/// of its own while there is something to write, also while the reader of the log stalls, and no
/// thread otherwise. Lines that do not fit into the buffer are dropped and counted, and a later
/// line says how many.
public final class LogWriter: Sendable {
  private struct State {
    var buffer: [UInt8] = []
    /// Lines dropped since the last line that reported it.
    var dropped = 0
    var isWriting = false
  }

  private let state = Mutex(State())
  private let droppedTotal = Atomic<Int>(0)
  private let bytesMax: Int
  private let queue = DispatchQueue(label: "log")
  private let writing = DispatchGroup()
  private let sink: @Sendable ([UInt8]) -> Void

  /// Writes to a descriptor, by default to the standard error.
  /// - Parameter bytesMax: the bound of the buffer, in bytes. Default 1 MiB.
  public convenience init(descriptor: Int32 = 2, bytesMax: Int = 1 << 20) {
    self.init(bytesMax: bytesMax) { writeAll($0, to: descriptor) }
  }

  /// Writes to `sink`, which may block.
  init(bytesMax: Int, sink: @escaping @Sendable ([UInt8]) -> Void) {
    self.bytesMax = bytesMax
    self.sink = sink
  }

  /// How many lines have been dropped since the start.
  public var linesDropped: Int { droppedTotal.load(ordering: .relaxed) }

  /// Takes a line, which ends with a line feed. Never blocks. Any thread may call it.
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

  /// Blocks until all lines are written, for at most `timeout`. For the end of the process.
  /// - Returns: whether all lines were written in time.
  @discardableResult
  public func flush(timeout: DispatchTimeInterval = .seconds(2)) -> Bool {
    writing.wait(timeout: .now() + timeout) == .success
  }

  private func empty() {
    while let lines = takeLines() { sink(lines) }
  }

  /// Takes all lines of the buffer. Nil if there are none: the next line then starts the queue
  /// again.
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

/// Writes until all is written or the reader is gone.
///
/// It blocks while the reader is slow, even if the descriptor is non-blocking: all processes that
/// hold a pipe share its flags, and any of them may have set that one.
private func writeAll(_ bytes: [UInt8], to descriptor: Int32) {
  var rest = bytes
  while !rest.isEmpty {
    let count = write(descriptor, rest, rest.count)
    if count > 0 {
      rest.removeFirst(count)
    } else if errno == EAGAIN {
      var interest = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      _ = poll(&interest, 1, -1)
    } else if errno != EINTR {
      return  // the log has no reader any more, and there is no other place to report it
    }
  }
}
