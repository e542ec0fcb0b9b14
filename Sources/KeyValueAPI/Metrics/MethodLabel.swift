internal import HTTP

/// The values of the label `method`: a method that somebody makes up is `other`.
enum MethodLabel: UInt8, CaseIterable {
  case get, head, put, post, delete, options, other

  init(_ method: Method) {
    self =
      switch method {
      case .get: .get
      case .head: .head
      case .put: .put
      case .post: .post
      case .delete: .delete
      case .options: .options
      case .other: .other
      }
  }

  /// The method as it stands in a request line.
  var text: String {
    switch self {
    case .get: Method.get.name
    case .head: Method.head.name
    case .put: Method.put.name
    case .post: Method.post.name
    case .delete: Method.delete.name
    case .options: Method.options.name
    case .other: "other"
    }
  }
}
