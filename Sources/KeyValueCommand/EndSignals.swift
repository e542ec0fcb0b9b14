internal import Dispatch
internal import Synchronization
#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// The signals that ask a program to end: Ctrl-C and SIGTERM.
enum EndSignals {
  /// Runs `body`. A signal ends the program at once, with what `message` says and 128 and its
  /// number.
  static func end<Result>(
    saying message: @escaping @Sendable () -> String?, during body: () async throws -> Result
  ) async rethrows -> Result {
    try await handle(
      { number in
        Terminal.progress("")
        if let text = message() { Terminal.note(text) }
        exit(128 + number)
      }, during: body)
  }

  /// Runs `body`, and calls `handler` at each signal on a thread of Dispatch.
  static func handle<Result>(
    _ handler: @escaping @Sendable (Int32) -> Void, during body: () async throws -> Result
  ) async rethrows -> Result {
    let sources = [SIGINT, SIGTERM].map { number in
      // The source sees the signal also when it is ignored otherwise.
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler { handler(number) }
      source.activate()
      return source
    }
    defer {
      for source in sources { source.cancel() }
    }
    return try await body()
  }
}
