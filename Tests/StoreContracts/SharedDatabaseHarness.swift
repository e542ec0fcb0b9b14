public import KeyValueStore

/// What the shared database's contract needs to know of an adapter. One harness a case, with an
/// empty database.
public protocol SharedDatabaseHarness: DatabaseHarness {
  /// The database under test.
  var shared: any SharedDatabase { get }

  /// The list that its commits settle changes from.
  var published: PublishedChanges { get }
}
