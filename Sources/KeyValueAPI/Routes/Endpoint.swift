import HTTP

/// What can be asked of the API: a route and a method. This is the API on one screen; the handlers
/// are in `APIHandler.answer`.
enum Endpoint: Sendable {
  case getValue, putValue, deleteValue
  case listKeys, putDocument, deleteDocument
  case runBatch
  case getOperation
  case getHealth, getLiveness, getReadiness
  case getCacheStatistics, getMetrics
  case getOpenAPI, getDocs, getRoot
  case options

  /// The endpoint for a method on a route; nil if the route has none for it. HEAD is wherever GET
  /// is.
  init?(_ route: Route, _ method: Method) {
    switch (route, method) {
    case (.unknown, _): return nil
    case (_, .options): self = .options
    case (.value, .get), (.value, .head): self = .getValue
    case (.value, .put): self = .putValue
    case (.value, .delete): self = .deleteValue
    case (.keys, .get), (.keys, .head): self = .listKeys
    case (.keys, .put): self = .putDocument
    case (.keys, .delete): self = .deleteDocument
    case (.batch, .post): self = .runBatch
    case (.operation, .get), (.operation, .head): self = .getOperation
    case (.health, .get), (.health, .head): self = .getHealth
    case (.live, .get), (.live, .head): self = .getLiveness
    case (.ready, .get), (.ready, .head): self = .getReadiness
    case (.cacheStatistics, .get), (.cacheStatistics, .head): self = .getCacheStatistics
    case (.metrics, .get), (.metrics, .head): self = .getMetrics
    case (.openAPI, .get), (.openAPI, .head): self = .getOpenAPI
    case (.docs, .get), (.docs, .head): self = .getDocs
    case (.root, .get), (.root, .head): self = .getRoot
    default: return nil
    }
  }

  /// Who may ask.
  var access: Access {
    switch self {
    case .getHealth, .getLiveness, .getReadiness, .options: .everybody
    case .getValue, .listKeys, .getOperation: .scope(.read)
    case .putValue, .deleteValue, .putDocument, .deleteDocument: .scope(.write)
    case .getCacheStatistics, .getMetrics: .scope(.admin)
    // A batch needs what its operations need.
    case .runBatch, .getOpenAPI, .getDocs, .getRoot: .anyToken
    }
  }

  /// Whether it can change keys.
  var canWrite: Bool {
    switch self {
    case .putValue, .deleteValue, .putDocument, .deleteDocument, .runBatch: true
    default: false
    }
  }

  /// Whether its answer can be large.
  var returnsValues: Bool {
    switch self {
    case .getValue, .listKeys: true
    default: false
    }
  }

  /// The query parameters that there are; any other is refused, so that a mistyped one is noticed.
  var parameters: [String] {
    switch self {
    case .putValue: ["ttl"]
    case .listKeys: ["key", "prefix", "limit", "cursor", "values"]
    case .deleteDocument: ["key"]
    default: []
    }
  }

  /// Who may use an endpoint.
  enum Access: Equatable, Sendable {
    /// Without a token.
    case everybody
    /// With any token.
    case anyToken
    /// With a token of this scope.
    case scope(Scope)
  }
}

extension Route {
  /// The methods of the route, for `Allow` (RFC 9110 §10.2.1).
  var allow: StaticString {
    switch self {
    case .value, .keys: "GET, HEAD, PUT, DELETE, OPTIONS"
    case .batch: "POST, OPTIONS"
    case .asterisk: "GET, HEAD, PUT, POST, DELETE, OPTIONS"
    default: "GET, HEAD, OPTIONS"
    }
  }
}
