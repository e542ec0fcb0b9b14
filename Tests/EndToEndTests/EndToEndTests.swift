import Foundation
import Testing

/// What only a whole process can show: the built `kv-api` is started, spoken to over sockets,
/// filled, drained and killed. One test at a time, each on a thread of its own.
@Suite("The whole server", .serialized, .blockingThread)
enum EndToEndTests {}

/// Why a test could not do what it set out to do.
struct TestFailure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// No answer within this time is a failure: far more than any of it takes.
let patience: TimeInterval = 60
