import HTTP

/// A path of the API, with what can be asked of it.
///
/// The number of routes is fixed. So a route can be the label of a metric where a path can't:
/// clients that make up paths make up no metrics.
final class Route: Sendable {
  /// The path as a template, as in openapi.json.
  let template: String
  /// Its place in `all`.
  let index: Int
  /// Its methods, for `Allow` (RFC 9110 §10.2.1).
  let allow: String
  /// By method.
  private let endpoints: [Endpoint?]
  /// The path, as far as it is fixed.
  private let start: [UInt8]
  private let hasParameter: Bool

  /// The routes of the table, then those that only metrics and OPTIONS know.
  static let all: [Route] = {
    let methods = table.flatMap(\.value).flatMap(\.methods)
    var routes: [Route] = []
    for (template, endpoints) in table {
      routes.append(Route(template, endpoints + [.options], index: routes.count))
    }
    // RFC 9110 §9.3.7: the server as a whole, so all methods that any path has.
    routes.append(Route("*", [.options], allowing: methods, index: routes.count))
    routes.append(Route("unknown", [], index: routes.count))
    return routes
  }()

  /// Where paths lead that no row of the table has.
  static let unknown = all[all.count - 1]

  private init(
    _ template: String, _ rows: [Endpoint], allowing others: [RouteMethod] = [], index: Int
  ) {
    self.template = template
    self.index = index
    endpoints = RouteMethod.allCases.map { method in rows.first { $0.methods.contains(method) } }
    let allowed = others + rows.flatMap(\.methods)
    allow = RouteMethod.allCases.filter(allowed.contains).map(\.name).joined(separator: ", ")
    start = Array(template.utf8.prefix { $0 != UInt8(ascii: "{") })
    hasParameter = start.count < template.utf8.count
  }

  /// The route of a path as it was sent.
  ///
  /// Everything behind `/kv/` is the key: empty segments, dot segments and `%2F` mean nothing here.
  static func of(_ path: ArraySlice<UInt8>) -> Route {
    for route in all where route.matches(path) { return route }
    return unknown
  }

  private func matches(_ path: ArraySlice<UInt8>) -> Bool {
    hasParameter ? path.starts(with: start) : path.elementsEqual(start)
  }

  /// What stands in `path` for the template's parameter.
  func parameter(in path: ArraySlice<UInt8>) -> ArraySlice<UInt8> { path.dropFirst(start.count) }

  /// Nil if the route does not have the method.
  func endpoint(for method: Method) -> Endpoint? { endpoint(for: RouteMethod(method)) }
  func endpoint(for method: RouteMethod) -> Endpoint? { endpoints[method.rawValue] }
}

/// What can be asked of a route with one method.
final class Endpoint: Sendable {
  let access: Access
  let effect: Effect
  /// The query parameters. Any other is refused, so that a mistyped one is noticed.
  let parameters: [String]
  let body: Body
  /// HEAD is wherever GET is.
  let methods: [RouteMethod]
  /// Reads what the head says of a write, before the body is read; nil: the handler does.
  let readsHead: HeadReader?
  let handler: Handler
  private let answers: [Status]

  typealias HeadReader = @Sendable (APIHandler) -> (AcceptedRequest) throws(Problem) -> WriteRequest
  /// A method of `APIHandler`: the table names it, and nothing is allocated when it is called.
  typealias Handler =
    @Sendable (APIHandler) -> (AcceptedRequest) async throws(Problem) -> Response

  /// Who may use it.
  enum Access: Equatable, Sendable {
    /// Without a token.
    case everybody
    /// With any token.
    case anyToken
    /// With a token of this scope.
    case scope(Scope)
  }

  /// What it does with keys.
  enum Effect: Sendable {
    case none
    /// It only reads, and its answer can be large.
    case returnsValues
    /// It can change keys.
    case writes
  }

  /// What it is sent.
  enum Body: Sendable {
    case none
    case value
    case document
    case patch
  }

  /// A row of the table. `answers` leaves out what is listed in `statuses`.
  init(
    _ method: RouteMethod, _ access: Access, _ effect: Effect = .none, parameters: [String] = [],
    body: Body = .none, answers: [Status], readsHead: HeadReader? = nil,
    handler: @escaping Handler
  ) {
    methods = method == .get ? [.get, .head] : [method]
    self.access = access
    self.effect = effect
    self.parameters = parameters
    self.body = body
    self.answers = answers
    self.readsHead = readsHead
    self.handler = handler
  }

  static let options = Endpoint(
    .options, .everybody, answers: [.noContent], handler: APIHandler.getOptions)

  /// The statuses of its answers, without those of a server that makes a mistake.
  var statuses: [Status] {
    var statuses = answers + [.badRequest, .uriTooLong, .headerFieldsTooLarge]
    if access != .everybody { statuses += [.unauthorized, .forbidden, .tooManyRequests] }
    if methods != [.options] { statuses.append(.serviceUnavailable) }
    if body != .none {
      statuses += [.requestTimeout, .contentTooLarge, .unsupportedMediaType, .expectationFailed]
    }
    if effect == .writes { statuses += [.conflict, .preconditionFailed, .unprocessableContent] }
    return statuses
  }

  /// Whether its server errors are counted from the start. A counter that appears with its first
  /// error has not grown as far as Prometheus can tell, so an alert would miss that error.
  var isWatched: Bool { effect != .none }
}

/// The methods that the table can have, and one for all that clients may make up: it is the label
/// `method` of metrics.
enum RouteMethod: Int, CaseIterable, Sendable {
  case get, head, put, post, patch, delete, options, other

  init(_ method: Method) {
    self =
      switch method {
      case .get: .get
      case .head: .head
      case .put: .put
      case .post: .post
      case .patch: .patch
      case .delete: .delete
      case .options: .options
      case .other: .other
      }
  }

  /// As in a request line, or `other`.
  var name: String { self == .other ? "other" : "\(self)".uppercased() }
}
