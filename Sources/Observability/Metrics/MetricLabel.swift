/// Tells the series of one family apart.
///
/// Values come from enums and other fixed sets, never from what a client sends: each new value is a
/// series that is kept as long as the process lives.
public struct MetricLabel: Hashable, Sendable {
  /// The name, for instance `route`.
  public let name: String
  /// The value, any text.
  public let value: String

  /// A label.
  public init(_ name: String, _ value: String) {
    precondition(MetricDescription.isName(name), "\(name) is no name of a label")
    self.name = name
    self.value = value
  }
}
