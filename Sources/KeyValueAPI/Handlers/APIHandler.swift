import HTTP
import KeyValueStore

/// Answers the requests of one event loop: finds the endpoint, checks who asks, and calls its
/// handler.
///
/// The handlers are in extensions, one file for each kind of resource.
final class APIHandler: HTTPHandler {
  let store: Store
  let limits: APILimits
  let surroundings: APISurroundings
  /// Requests that wait for room: see `AnswerRoom`.
  var roomWaiters = 0
  let authentication: any Authenticating
  private let observer: any APIObserver

  init(
    store: Store, authentication: any Authenticating, observer: any APIObserver,
    limits: APILimits = APILimits(), surroundings: APISurroundings
  ) {
    self.store = store
    self.authentication = authentication
    self.observer = observer
    self.limits = limits
    self.surroundings = surroundings
  }

  // MARK: HTTPHandler

  /// Refuses, before a byte of the body is read, whatever the head alone condemns.
  func admit(_ head: RequestHead, id: RequestID) -> Admission {
    let start = ContinuousClock.now
    let route = Route(path: head.path)
    do throws(Problem) {
      let call = try enter(head, on: route)
      let bytesMax = bodyBytesMax(of: call.endpoint)
      if case .length(let length) = head.framing, length > bytesMax {
        throw .contentTooLarge(bytesMax: bytesMax)
      }
      if case .putValue = call.endpoint { _ = try writeRequest(call) }
      return .accept(bodyBytesMax: bytesMax)
    } catch {
      let response = error.response
      report(head, id, route, response.status, since: start, problem: error)
      return .refuse(response)
    }
  }

  func respond(to request: Request) async -> Response {
    observer.began()
    defer { observer.ended() }
    let start = ContinuousClock.now
    let route = Route(path: request.head.path)
    do throws(Problem) {
      let call = try enter(request.head, on: route)
      let response = try await answer(call, request, on: route)
      report(request.head, request.id, route, response.status, since: start, problem: nil)
      return response
    } catch {
      let response = error.response
      report(request.head, request.id, route, response.status, since: start, problem: error)
      return response
    }
  }

  func respond(to problem: HTTPProblem, id: RequestID) -> Response { Problem(problem).response }

  // MARK: The way in

  /// The routes: what `Endpoint` lists is answered by what stands here.
  private func answer(
    _ call: Call, _ request: Request, on route: Route
  ) async throws(Problem) -> Response {
    switch call.endpoint {
    case .getValue: try await getValue(call)
    case .putValue: try await putValue(call, request)
    case .deleteValue: try await deleteValue(call, request)
    case .listKeys: try await getKeys(call)
    case .putDocument: try await putDocument(call, request)
    case .deleteDocument: try await deleteDocument(call, request)
    case .runBatch: try await runBatch(call, request)
    case .getOperation: try await getOperation(call)
    case .getHealth: await getHealth()
    case .getLiveness: getLiveness()
    case .getReadiness: try await getReadiness()
    case .getCacheStatistics: await getCacheStatistics()
    case .getMetrics: await getMetrics()
    case .getOpenAPI: getOpenAPI()
    case .getDocs: getDocs()
    case .getRoot: getRoot()
    case .options: options(of: route)
    }
  }

  /// Finds where a request leads, and lets it in.
  private func enter(_ head: RequestHead, on route: Route) throws(Problem) -> Call {
    if surroundings.isLocalOnly, !LocalHost.isNamed(in: head) {
      throw Problem(.foreignHost, "Ask for localhost or an address, or run it with KV_TOKENS_FILE.")
    }
    guard let endpoint = Endpoint(route, head.method) else {
      if route == .unknown {
        throw Problem(.unknownPath, "Keys are at /kv/{key}; /docs lists all paths.")
      }
      throw Problem(.methodNotAllowed, "This path allows \(route.allow).")
        .with(field: "Allow", route.allow.description)
    }
    let principal = try authorize(head, for: endpoint)
    if endpoint.canWrite { try WrittenContent.check(head) }
    // Reads can be tried again at no cost. A write is never turned away for the sake of its answer.
    if endpoint.returnsValues, surroundings.isCrowded() {
      throw Problem(StoreError.overloaded(retryAfter: 1))
    }
    let query = try Query(head.query, names: endpoint.parameters)
    return Call(endpoint: endpoint, principal: principal, query: query, head: head)
  }

  private func authorize(
    _ head: RequestHead, for endpoint: Endpoint
  ) throws(Problem) -> Principal {
    guard authentication.isRequired, endpoint.access != .everybody else {
      if endpoint.canWrite, CrossSite.isSource(of: head) {
        throw Problem(.crossSite, "Send this from a program, or from a page of this server.")
      }
      return .anybody
    }
    guard let authorization = head.first(.authorization) else {
      throw Problem(.unauthorized, "Send Authorization: Bearer, and a token.")
        .with(field: "WWW-Authenticate", "Bearer realm=\"kv\"")
    }
    guard let principal = authentication.principal(authorization: authorization) else {
      // RFC 6750 §3.1
      throw Problem(
        .unauthorized,
        "The token is not known here: send Authorization: Bearer and "
          + "a token of this server."
      )
      .with(field: "WWW-Authenticate", "Bearer realm=\"kv\", error=\"invalid_token\"")
    }
    if case .scope(let scope) = endpoint.access { try require(scope, of: principal) }
    return principal
  }

  /// Refuses a principal without `scope`.
  func require(_ scope: Scope, of principal: Principal) throws(Problem) {
    guard principal.scopes.contains(scope) else {
      throw Problem(.forbidden, "This needs a token with the scope \(scope.rawValue).")
    }
  }

  private func bodyBytesMax(of endpoint: Endpoint) -> Int {
    switch endpoint {
    case .putValue: limits.valueBytesMax
    case .putDocument, .runBatch: limits.documentBytesMax
    default: limits.unexpectedBodyBytesMax
    }
  }

  private func report(
    _ head: RequestHead, _ id: RequestID, _ route: Route, _ status: Status,
    since start: ContinuousClock.Instant, problem: Problem?
  ) {
    observer.answered(
      Exchange(
        route: route, head: head, id: id, status: status,
        duration: ContinuousClock.now - start, problem: problem))
  }
}
