internal import FoundationEssentials

/// An answer that is an error, as a problem document (RFC 9457) says it.
package struct Problem: Error, Equatable, Sendable {
  package let status: Int
  /// The last part of `type`, as `key-not-found`; nil if the answer has none.
  package let name: String?
  /// What went wrong, for a person.
  package let text: String
  /// The place of the operation in a batch.
  package let index: Int?
  /// The current revision, where a condition failed.
  package let revision: Int64?
  /// The document as it came.
  package let body: [UInt8]

  private struct Document: Decodable {
    let type: String?
    let title: String?
    let detail: String?
    let index: Int?
  }

  /// Reads the body; an answer of a proxy, which is no problem document, is described by its
  /// status.
  package init(_ answer: Answer) {
    let document = try? JSONDecoder().decode(Document.self, from: Data(answer.body))
    status = answer.status
    name = document?.type.flatMap { Self.name(of: $0) }
    let said = [document?.title, document?.detail].compactMap { $0 }.filter { !$0.isEmpty }
    text =
      said.isEmpty
      ? "the server answered with status \(answer.status)" : said.joined(separator: ": ")
    index = document?.index
    revision = answer.revision
    body = answer.body
  }

  /// A problem that is a part of another document.
  package init(status: Int, type: String?, text: String) {
    self.status = status
    name = type.flatMap { Self.name(of: $0) }
    self.text = text
    index = nil
    revision = nil
    body = []
  }

  private static func name(of type: String) -> String? {
    type.split { "#/".contains($0) }.last.map { String($0) }
  }
}

/// Why a request has no good answer.
package enum ClientError: Error, Equatable, Sendable {
  /// The server answered with an error.
  case refused(Problem)
  /// There is no connection, or the server could not serve the request. Nothing was changed.
  case unavailable(String)
  /// No answer came, or none that says what happened: a write may have taken effect.
  case outcomeUnknown(String)
  /// The certificate of the server is not trusted, or TLS failed in another way.
  case insecure(String)
  /// What came is no answer of this API.
  case malformed(String)
}
