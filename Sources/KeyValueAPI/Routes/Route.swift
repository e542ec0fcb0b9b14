/// The paths that lead somewhere. There is a fixed number of them, so that a route, never a path,
/// can be the label of a metric: a client that makes up paths makes up no metrics.
enum Route: UInt8, CaseIterable, Sendable {
  case value
  case keys
  case batch
  case operation
  case health
  case live
  case ready
  case cacheStatistics
  case metrics
  case openAPI
  case docs
  case root
  case asterisk
  case unknown

  /// The path as a template.
  var label: StaticString {
    switch self {
    case .value: "/kv/{key}"
    case .keys: "/kv"
    case .batch: "/batch"
    case .operation: "/operations/{id}"
    case .health: "/health"
    case .live: "/health/live"
    case .ready: "/health/ready"
    case .cacheStatistics: "/cache/stats"
    case .metrics: "/metrics"
    case .openAPI: "/openapi.json"
    case .docs: "/docs"
    case .root: "/"
    case .asterisk: "*"
    case .unknown: "unknown"
    }
  }

  /// What stands before a key, or an operation's id, in a path.
  static let valuePrefix = Array("/kv/".utf8)
  static let operationPrefix = Array("/operations/".utf8)

  /// Finds the route of a path as it came.
  ///
  /// Everything behind `/kv/` is the key: empty segments, dot segments and `%2F` are not looked at.
  init(path: ArraySlice<UInt8>) {
    if path.starts(with: Route.valuePrefix) {
      self = .value
    } else if path.starts(with: Route.operationPrefix) {
      self = .operation
    } else {
      self = Route.fixed.first { path.elementsEqual($0.path) }?.route ?? .unknown
    }
  }

  /// The routes whose label is their path.
  private static let fixed = allCases.filter { ![.value, .operation, .unknown].contains($0) }
    .map { (route: $0, path: Array($0.label.description.utf8)) }
}
