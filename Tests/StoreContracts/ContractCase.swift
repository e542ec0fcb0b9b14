public import Testing

/// One sentence of a port's contract, to be proved on an instance of its own.
public struct ContractCase<Harness>: Sendable, CustomTestStringConvertible {
  /// The sentence.
  public let sentence: String
  /// The proof.
  public let prove: @Sendable (Harness) async throws -> Void

  /// Shown in test reports.
  public var testDescription: String { sentence }

  init(_ sentence: String, _ prove: @escaping @Sendable (Harness) async throws -> Void) {
    self.sentence = sentence
    self.prove = prove
  }
}
