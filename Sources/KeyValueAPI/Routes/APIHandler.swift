import HTTP
import KeyValueStore

/// Answers the requests of one event loop: finds the endpoint, checks who asks, and calls the
/// endpoint's handler. The handlers are in extensions, a file for each resource.
final class APIHandler: HTTPHandler {
  let store: Store
  let limits: APILimits
  let surroundings: APISurroundings
  let room: AnswerRoom
  let authentication: any Authenticating
  let hub: WatchHub
  /// Hears of every request that writes; nil: there is no audit log.
  let audit: AuditLog?
  /// Records some requests; nil: none is recorded.
  private let tracing: RequestTracing?
  private let observer: any APIObserver
  private let crossOrigin: CrossOrigin?

  init(
    store: Store, authentication: any Authenticating, observer: any APIObserver,
    audit: AuditLog? = nil, tracing: RequestTracing? = nil, limits: APILimits = APILimits(),
    crossOrigin: CrossOrigin? = nil,
    surroundings: APISurroundings
  ) {
    self.store = store
    self.authentication = authentication
    self.observer = observer
    self.audit = audit
    self.tracing = tracing
    self.limits = limits
    self.crossOrigin = crossOrigin
    self.surroundings = surroundings
    room = AnswerRoom(limits: limits, surroundings: surroundings)
    hub = WatchHub(
      store: store, authentication: authentication, metrics: surroundings.watchMetrics,
      surroundings: WatchSurroundings(
        places: surroundings.watchPlaces, commentInterval: limits.watchCommentInterval,
        pause: surroundings.pause, after: surroundings.after))
  }

  // MARK: HTTPHandler

  /// Refuses, before the body is read, all that the head is enough to refuse.
  func admit(
    _ head: RequestHead, id: RequestID
  ) throws(Refusal) -> (AcceptedRequest, bodyBytesMax: Int) {
    let start = ContinuousClock.now
    let route = Route.of(head.path)
    var audited: AcceptedRequest?
    do throws(Problem) {
      let request = try identify(head, id, on: route, since: start)
      if audit != nil { audited = request }
      try check(request)
      let bytesMax = limits.bodyBytesMax(request.endpoint.body)
      if case .length(let length) = head.framing, length > bytesMax {
        throw .contentTooLarge(bytesMax: bytesMax)
      }
      request.write = try request.endpoint.readsHead?(self)(request)
      return (request, bytesMax)
    } catch {
      var response = error.response
      crossOrigin?.share(&response, of: route, with: head)
      if let audited { record(audited, response.status) }
      observer.answered(
        AnsweredRequest(
          route: route, head: head, id: id, status: response.status,
          duration: ContinuousClock.now - start, problem: error))
      throw Refusal(response)
    }
  }

  func respond(to request: AcceptedRequest, body: [UInt8]) async -> Response {
    guard let tracing, let span = tracing.begin(request) else {
      return await answer(request, body: body)
    }
    return await tracing.record(span) { await answer(request, body: body) }
  }

  private func answer(_ request: AcceptedRequest, body: [UInt8]) async -> Response {
    observer.began()
    defer { observer.ended() }
    request.body = body
    // The time on the wire is the client's.
    if request.head.framing != .none { request.start = .now }
    var response: Response
    var problem: Problem?
    do throws(Problem) {
      response = try await request.endpoint.handler(self)(request)
    } catch {
      response = error.response
      problem = error
    }
    crossOrigin?.share(&response, of: request.route, with: request.head)
    record(request, response.status)
    observer.answered(
      AnsweredRequest(
        route: request.route, head: request.head, id: request.id, status: response.status,
        duration: ContinuousClock.now - request.start, problem: problem))
    return response
  }

  func respond(to problem: HTTPProblem, origin: [UInt8]?, id: RequestID) -> Response {
    var response = Problem(problem).response
    if let origin { crossOrigin?.share(&response, with: origin[...]) }
    return response
  }

  /// Writes a line of the audit log. Senders that are not known, or are over their rate, come to
  /// none: they could fill the disk.
  private func record(_ request: AcceptedRequest, _ status: Status) {
    guard let audit, request.endpoint.effect == .writes else { return }
    audit.append(AuditRecord(request, status))
  }

  // MARK: The way in

  /// Finds where a request leads, and who has sent it.
  private func identify(
    _ head: RequestHead, _ id: RequestID, on route: Route, since start: ContinuousClock.Instant
  ) throws(Problem) -> AcceptedRequest {
    if surroundings.isLocalOnly, !AdmissionChecks.namesThisMachine(head) {
      throw Problem(.foreignHost, "Ask for localhost or an address, or run it with KV_TOKENS_FILE.")
    }
    guard let endpoint = route.endpoint(for: head.method) else {
      if route === Route.unknown {
        throw Problem(.unknownPath, "Keys are at /kv/{key}; /docs lists all paths.")
      }
      throw Problem(.methodNotAllowed, "This path allows \(route.allow).")
        .with(field: "Allow", route.allow)
    }
    return AcceptedRequest(
      route: route, endpoint: endpoint, principal: try principal(head, for: endpoint), head: head,
      id: id, start: start)
  }

  /// Refuses what its sender may not do, and what can't be done at the moment; reads the query.
  private func check(_ request: AcceptedRequest) throws(Problem) {
    let (endpoint, head) = (request.endpoint, request.head)
    if case .scope(let scope) = endpoint.access { try require(scope, of: request.principal) }
    if endpoint.effect == .writes { try AdmissionChecks.refuseLostContent(head) }
    // A read can be repeated at no cost. A write is never refused because of its answer.
    if endpoint.effect == .returnsValues, surroundings.isCrowded() {
      throw Problem(StoreError.overloaded(retryAfter: 1))
    }
    // A preflight has the query of the request that it asks for.
    let isPreflight = endpoint === Endpoint.options && CrossOrigin.isPreflight(head)
    request.query = try Query(isPreflight ? nil : head.query, names: endpoint.parameters)
  }

  private func principal(
    _ head: RequestHead, for endpoint: Endpoint
  ) throws(Problem) -> Principal {
    guard authentication.isRequired, endpoint.access != .everybody else {
      if endpoint.effect == .writes, AdmissionChecks.isCrossSite(head),
        crossOrigin?.allows(head) != true
      {
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
    // Before all else, so that what is refused for another reason counts as well.
    if let rate = principal.rate, !rate.admits(at: surroundings.now()) {
      throw .rateExceeded(rate)
    }
    return principal
  }

  /// Refuses a principal without `scope`.
  func require(_ scope: Scope, of principal: Principal) throws(Problem) {
    guard principal.scopes.contains(scope) else {
      throw Problem(.forbidden, "This needs a token with the scope \(scope.rawValue).")
    }
  }
}
