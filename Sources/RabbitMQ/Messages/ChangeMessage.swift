import KeyValueStore

/// The content of a message of the change stream.
enum ChangeMessage: Equatable, Sendable {
  /// Changes, in order.
  case changes([Change])
  /// Only a number: its sender learns from it where the stream ends.
  case marker(UInt64)
  /// A content that can't be read. It still takes an offset of the stream.
  case unreadable

  /// A message ends before a change that would make it longer than this.
  static let bytesMax = 64 << 10

  var changes: [Change] {
    if case .changes(let changes) = self { changes } else { [] }
  }

  /// How many positions of the feed it takes: one for each change. A marker has one too, for the
  /// watchers that begin there and have seen no change yet.
  var positionsCount: Int {
    switch self {
    case .changes(let changes): changes.count
    case .marker: 1
    case .unreadable: 0
    }
  }

  /// The body of a message without changes.
  static func encode(marker: UInt64) -> [UInt8] {
    var writer = ByteWriter(bytes: [Layout.version, Layout.marker])
    writer.add(Int64(bitPattern: marker))
    return writer.bytes
  }

  /// Reads any bytes.
  init(decoding body: [UInt8]) {
    var reader = ByteReader(body)
    let version = reader.readByte()
    guard version == Layout.version || version == Layout.versionOfRelease3 else {
      self = .unreadable
      return
    }
    if reader.peekByte() == Layout.marker {
      _ = reader.readByte()
      self = reader.readNumber().map { .marker(UInt64(bitPattern: $0)) } ?? .unreadable
      return
    }
    var changes: [Change] = []
    while !reader.isAtEnd {
      guard let change = reader.readChange(hasPrevious: version == Layout.version) else {
        self = .unreadable
        return
      }
      changes.append(change)
    }
    self = .changes(changes)
  }

  /// A version, followed by either a marker's number or changes up to the end. Numbers are
  /// big-endian; a text follows its length.
  enum Layout {
    static let version: UInt8 = 2
    /// Release 0.3 did not tell what a change follows.
    static let versionOfRelease3: UInt8 = 1
    static let marker: UInt8 = 0
    static let put: UInt8 = 1
    static let putWithExpiry: UInt8 = 2
    static let delete: UInt8 = 3
    static let expire: UInt8 = 4
    /// In place of the revision of the change before, where that is not known.
    static let unknown: Int64 = -1
  }
}

extension ByteReader {
  /// Nil: the bytes are damaged.
  mutating func readChange(hasPrevious: Bool) -> Change? {
    guard let kind = readByte(), let text = readText(), let key = try? Key(validating: text),
      let number = readNumber()
    else { return nil }
    let revision = Revision(number)
    var previous: Revision?
    if hasPrevious {
      guard let number = readNumber() else { return nil }
      previous = number == ChangeMessage.Layout.unknown ? nil : Revision(number)
    }
    switch kind {
    case ChangeMessage.Layout.delete:
      return Change(key: key, revision: revision, kind: .delete, previous: previous)
    case ChangeMessage.Layout.expire:
      return Change(key: key, revision: revision, kind: .expire, previous: previous)
    case ChangeMessage.Layout.put, ChangeMessage.Layout.putWithExpiry:
      guard let version = readNumber(), let size = readNumber().flatMap({ Int(exactly: $0) }),
        let type = readText().flatMap({ String(validating: $0, as: UTF8.self) }),
        let createdAt = readNumber(), let updatedAt = readNumber()
      else { return nil }
      var expiresAt: Timestamp?
      if kind == ChangeMessage.Layout.putWithExpiry {
        guard let time = readNumber() else { return nil }
        expiresAt = Timestamp(microseconds: time)
      }
      let metadata = Metadata(
        key: key, revision: revision, version: version, size: size, contentType: type,
        createdAt: Timestamp(microseconds: createdAt),
        updatedAt: Timestamp(microseconds: updatedAt), expiresAt: expiresAt)
      return Change(key: key, revision: revision, kind: .put(metadata), previous: previous)
    default: return nil
    }
  }
}

extension ByteWriter {
  mutating func add(_ change: Change) {
    switch change.kind {
    case .put(let metadata):
      bytes.append(
        metadata.expiresAt == nil
          ? ChangeMessage.Layout.put : ChangeMessage.Layout.putWithExpiry)
      addNames(of: change)
      add(metadata.version)
      add(Int64(metadata.size))
      add(metadata.contentType.utf8)
      add(metadata.createdAt.microseconds)
      add(metadata.updatedAt.microseconds)
      if let expiresAt = metadata.expiresAt { add(expiresAt.microseconds) }
    case .delete:
      bytes.append(ChangeMessage.Layout.delete)
      addNames(of: change)
    case .expire:
      bytes.append(ChangeMessage.Layout.expire)
      addNames(of: change)
    }
  }

  private mutating func addNames(of change: Change) {
    add(change.key.bytes)
    add(change.revision.number)
    add(change.previous?.number ?? ChangeMessage.Layout.unknown)
  }
}
