/// Which statements a connection has prepared under a name, and which it may yet. No I/O.
///
/// A statement that comes a second time is prepared: parsing and planning it takes the server
/// longer than carrying it out for a few rows. Names live and die with their connection. Behind a
/// pooler, which may give every transaction another session, nothing is prepared.
struct PreparedStatements {
  /// How a statement is to be sent.
  enum Way: Equatable {
    /// Its text and its parameters.
    case unnamed
    /// Its text under this name first, to be prepared.
    case prepare(String)
    /// Its name and its parameters.
    case named(String)
  }

  private enum State {
    case seen
    case preparing
    case ready
  }

  /// Whether the session is the connection's own.
  var isAllowed = false
  private var states: [String: (number: Int, state: State)] = [:]

  /// More texts than there are in this module.
  private static let textsMax = 100

  /// How to send a statement now. What `prepare` begins, `ended` ends.
  mutating func way(of text: String) -> Way {
    guard isAllowed else { return .unnamed }
    guard let known = states[text] else {
      if states.count < Self.textsMax { states[text] = (states.count, .seen) }
      return .unnamed
    }
    switch known.state {
    case .seen:
      states[text]?.state = .preparing
      return .prepare(Self.name(known.number))
    // Whether it succeeds is not known yet.
    case .preparing: return .unnamed
    case .ready: return .named(Self.name(known.number))
    }
  }

  /// The server has prepared a statement, or has not.
  mutating func ended(_ text: String, isPrepared: Bool) {
    states[text]?.state = isPrepared ? .ready : .seen
  }

  private static func name(_ number: Int) -> String { "kv\(number)" }
}
