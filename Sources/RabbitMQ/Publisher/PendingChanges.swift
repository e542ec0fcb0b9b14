import DequeModule
import KeyValueStore
import Synchronization

/// Changes on their way to the stream, in one message.
struct PendingChanges: PublishedMessage, Sendable {
  /// In the layout of `ChangeMessage`.
  private(set) var body: [UInt8]
  /// The commits whose outbox rows are settled once the stream has all pieces of them.
  private(set) var settled: [Settlement] = []
  /// Counts the messages of this process.
  var sequence: UInt64 = 0
  /// When it was sent last.
  var sentAt: ContinuousClock.Instant?
  /// Whether more changes may join it.
  var isOpen: Bool

  /// A message without changes.
  init(marker: UInt64) {
    body = ChangeMessage.encode(marker: marker)
    isOpen = false
  }

  private init() {
    body = [ChangeMessage.Layout.version]
    isOpen = true
  }

  /// Packs changes into as few messages as they fit in.
  static func pack(_ changes: [Change], settling id: OutboxID?) -> [PendingChanges] {
    var pieces: [PendingChanges] = []
    var piece = PendingChanges()
    for change in changes {
      var writer = ByteWriter(bytes: piece.body)
      let length = piece.body.count
      // The bytes are not copied while only the writer holds them.
      piece.body = []
      writer.add(change)
      if writer.bytes.count > ChangeMessage.bytesMax, length > 1 {
        let last = writer.bytes[length...]
        piece.body = Array(writer.bytes[..<length])
        pieces.append(piece)
        piece = PendingChanges()
        piece.body += last
      } else {
        piece.body = writer.bytes
      }
    }
    if piece.body.count > 1 { pieces.append(piece) }
    if let id {
      let settlement = Settlement(id, pieces: pieces.count)
      for place in pieces.indices { pieces[place].settled = [settlement] }
    }
    return pieces
  }

  /// Takes later changes in, unless they do not fit (false).
  mutating func join(_ next: PendingChanges) -> Bool {
    guard isOpen, next.isOpen, body.count + next.body.count <= ChangeMessage.bytesMax else {
      return false
    }
    // Both begin with a version.
    body.append(contentsOf: next.body.dropFirst())
    settled.append(contentsOf: next.settled)
    return true
  }
}

/// A commit that is settled by the last of its pieces to be confirmed; confirms come in any order.
final class Settlement: Sendable {
  let id: OutboxID
  private let piecesLeft: Atomic<Int>

  init(_ id: OutboxID, pieces: Int) {
    self.id = id
    piecesLeft = Atomic(pieces)
  }

  /// Counts a piece that was confirmed. True: it was the last one.
  func isLastPiece() -> Bool {
    piecesLeft.subtract(1, ordering: .acquiringAndReleasing).newValue == 0
  }
}

/// Callers that wait until the stream has all changes that were accepted before they asked, in that
/// order.
struct PendingFlushes {
  private struct Flush {
    let sequence: UInt64
    let deadline: ContinuousClock.Instant
    let caller: UnconfirmedWrite.Caller
  }

  private var flushes: Deque<Flush> = []

  private static let notConfirmed = StoreError.unavailable(
    cause: "RabbitMQ did not confirm in time", retryAfter: 1)

  var isEmpty: Bool { flushes.isEmpty }

  /// `sequence` is that of the last message that the caller waits for.
  mutating func append(
    _ caller: UnconfirmedWrite.Caller, upTo sequence: UInt64, deadline: ContinuousClock.Instant
  ) {
    flushes.append(Flush(sequence: sequence, deadline: deadline, caller: caller))
  }

  /// Every message before `oldest` is confirmed.
  mutating func confirmed(before oldest: UInt64, _ answers: inout PublisherAnswers) {
    while let flush = flushes.first, flush.sequence < oldest {
      flushes.removeFirst()
      answers.add(flush.caller, nil)
    }
  }

  /// Answers the callers whose deadline has passed.
  mutating func expire(at now: ContinuousClock.Instant, _ answers: inout PublisherAnswers) {
    while let flush = flushes.first, flush.deadline <= now {
      flushes.removeFirst()
      answers.add(flush.caller, PendingFlushes.notConfirmed)
    }
  }

  /// Answers all callers: no more confirms will come.
  mutating func end(_ answers: inout PublisherAnswers) {
    for flush in flushes { answers.add(flush.caller, PendingFlushes.notConfirmed) }
    flushes = []
  }
}
