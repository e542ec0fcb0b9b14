package import HTTP

/// Something for each status that is known here, and one for all others: a label never takes a
/// value outside of this set.
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
      .preconditionFailed, .contentTooLarge, .uriTooLong, .unsupportedMediaType,
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

  /// How many elements there are.
  package var count: Int { elements.count }

  /// Where the element of a status stands.
  package func index(of status: Status) -> Int { Int(indices[status.code]) }

  /// The element of a status.
  package subscript(status: Status) -> Element { elements[index(of: status)] }
}
