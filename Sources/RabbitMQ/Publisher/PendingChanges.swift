import KeyValueStore

/// Changes on their way to the stream: one message.
struct PendingChanges: Sendable {
  /// As `ChangeMessage` has it.
  private(set) var body: [UInt8]
  /// What the database may forget once the stream has it.
  private(set) var settled: [PublishedChanges.Row] = []
  /// Its place among all messages of this process.
  var sequence: UInt64 = 0
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
  static func pack(_ changes: [Change], settling: Bool) -> [PendingChanges] {
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
      if settling {
        piece.settled.append(PublishedChanges.Row(key: change.key, revision: change.revision))
      }
    }
    if piece.body.count > 1 { pieces.append(piece) }
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
