/// What is known of a key: its entry, or that it has none.
public enum Lookup: Equatable, Sendable {
  /// The key has a live entry.
  case found(Entry)
  /// The key has none; the revision is its tombstone's, or `Revision.none` if nothing is known of
  /// it.
  case absent(Revision)

  /// The entry, if there is one.
  public var entry: Entry? {
    if case .found(let entry) = self { entry } else { nil }
  }

  /// The revision that this was read at.
  public var revision: Revision {
    switch self {
    case .found(let entry): entry.metadata.revision
    case .absent(let revision): revision
    }
  }
}
