package import HTTP

/// An element for each of some statuses and one for all others, such as a counter: a label never
/// takes a value outside of this set.
package struct StatusSet<Element: Sendable>: Sendable {
  private let elements: [Element]
  /// The index of a code's element; that of the last one for codes that are not in the set.
  private let indices: [UInt8]

  /// The statuses that HTTP itself refuses requests with.
  package static var refusals: [Status] {
    [
      .badRequest, .requestTimeout, .contentTooLarge, .uriTooLong, .expectationFailed,
      .headerFieldsTooLarge, .notImplemented, .serviceUnavailable, .versionNotSupported,
    ]
  }

  /// The statuses that routes answer with.
  package static var answers: [Status] {
    [
      .ok, .created, .accepted, .noContent, .found, .notModified, .badRequest,
      .unauthorized, .forbidden, .notFound, .methodNotAllowed, .requestTimeout, .conflict,
      .gone, .preconditionFailed, .contentTooLarge, .uriTooLong, .unsupportedMediaType,
      .expectationFailed, .unprocessableContent, .tooManyRequests, .internalServerError,
      .notImplemented, .serviceUnavailable,
    ]
  }

  /// Makes an element for each of `statuses` by its code, and one for `other`.
  package init(_ statuses: [Status], make: (String) -> Element) {
    elements = statuses.map { make(String($0.code)) } + [make("other")]
    var indices = [UInt8](repeating: UInt8(statuses.count), count: 600)
    for (index, status) in statuses.enumerated() { indices[status.code] = UInt8(index) }
    self.indices = indices
  }

  package var count: Int { elements.count }

  /// The place of a status's element among all.
  package func index(of status: Status) -> Int { Int(indices[status.code]) }

  package subscript(status: Status) -> Element { elements[index(of: status)] }
}
