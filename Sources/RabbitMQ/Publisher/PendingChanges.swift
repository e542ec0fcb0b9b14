import KeyValueStore
import Synchronization

/// Changes on their way to the stream: one message.
struct PendingChanges: PublishedMessage, Sendable {
  /// As `ChangeMessage` has it.
  private(set) var body: [UInt8]
  /// What the database may forget once the stream has all pieces of it.
  private(set) var settled: [Settlement] = []
  /// Its place among all messages of this process.
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

  /// Changes in as few messages as they fit in.
  static func pack(_ changes: [Change], settling id: OutboxID?) -> [PendingChanges] {
    var pieces: [PendingChanges] = []
    var piece = PendingChanges()
    for change in changes {
      var writer = ByteWriter(bytes: piece.body)
      let length = piece.body.count
      // Not copied while the writer alone holds it.
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

  /// Takes later changes in, if they fit. False: they did not.
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

/// What a commit's last piece settles, whichever that is: they may be confirmed in any order.
final class Settlement: Sendable {
  let id: OutboxID
  private let piecesLeft: Atomic<Int>

  init(_ id: OutboxID, pieces: Int) {
    self.id = id
    piecesLeft = Atomic(pieces)
  }

  /// A piece can't be lost any more. True: it was the last one.
  func isLastPiece() -> Bool {
    piecesLeft.subtract(1, ordering: .acquiringAndReleasing).newValue == 0
  }
}
