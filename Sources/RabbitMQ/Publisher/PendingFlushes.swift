import DequeModule
import KeyValueStore

/// Who waits until the stream has all changes that were taken on before they asked, in that order.
struct PendingFlushes {
  private struct Flush {
    let sequence: UInt64
    let deadline: ContinuousClock.Instant
    let caller: PendingWrite.Caller
  }

  private var flushes: Deque<Flush> = []

  private static let notConfirmed = StoreError.unavailable(
    cause: "RabbitMQ did not confirm in time", retryAfter: 1)

  var isEmpty: Bool { flushes.isEmpty }

  /// `sequence` is that of the last message that the caller waits for.
  mutating func append(
    _ caller: PendingWrite.Caller, upTo sequence: UInt64, deadline: ContinuousClock.Instant
  ) {
    flushes.append(Flush(sequence: sequence, deadline: deadline, caller: caller))
  }

  /// Everything before this message is confirmed.
  mutating func confirmed(before oldest: UInt64, _ answers: inout PublisherAnswers) {
    while let flush = flushes.first, flush.sequence < oldest {
      flushes.removeFirst()
      answers.add(flush.caller, nil)
    }
  }

  /// Answers those whose time is over.
  mutating func expired(at now: ContinuousClock.Instant, _ answers: inout PublisherAnswers) {
    while let flush = flushes.first, flush.deadline <= now {
      flushes.removeFirst()
      answers.add(flush.caller, PendingFlushes.notConfirmed)
    }
  }

  /// Answers everybody: there will be no more confirms.
  mutating func end(_ answers: inout PublisherAnswers) {
    for flush in flushes { answers.add(flush.caller, PendingFlushes.notConfirmed) }
    flushes = []
  }
}
