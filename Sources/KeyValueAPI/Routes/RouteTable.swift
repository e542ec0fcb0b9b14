import HTTP

// The API on one screen: a row for each path, and under it one for each method. Everything else
// that depends on a route or a method is derived from it: `Allow` and OPTIONS, the query parameters
// that are accepted, bounds of bodies, labels of metrics. A test compares it with openapi.json.
extension Route {
  /// HEAD is answered wherever GET is, OPTIONS everywhere.
  static let table: KeyValuePairs<String, [Endpoint]> = [
    "/kv/{key}": [
      Endpoint(
        .get, .scope(.read), .returnsValues,
        answers: [.ok, .notModified, .notFound, .preconditionFailed],
        handler: APIHandler.getValue),
      Endpoint(
        .put, .scope(.write), .writes, parameters: ["ttl"], body: .value,
        answers: [.ok, .created, .accepted, .noContent],
        readsHead: APIHandler.writeRequest, handler: APIHandler.putValue),
      Endpoint(
        .patch, .scope(.write), .writes, body: .patch,
        answers: [.ok, .created, .noContent, .notFound],
        readsHead: APIHandler.patchRequest, handler: APIHandler.patchValue),
      Endpoint(
        .delete, .scope(.write), .writes, answers: [.accepted, .noContent, .notFound],
        readsHead: APIHandler.writeRequest, handler: APIHandler.deleteValue),
    ],
    "/kv": [
      Endpoint(
        .get, .scope(.read), .returnsValues,
        parameters: [
          "key", "prefix", "limit", "cursor", "values", "delimiter", "reverse", "count",
        ],
        answers: [.ok, .notFound],
        handler: APIHandler.getKeys),
      Endpoint(
        .put, .scope(.write), .writes, body: .document, answers: [.accepted],
        handler: APIHandler.putDocument),
      Endpoint(
        .delete, .scope(.write), .writes, parameters: ["key", "prefix", "limit", "cursor"],
        answers: [.ok, .accepted, .notFound], handler: APIHandler.deleteKeys),
    ],
    // A batch needs the scopes that its operations need.
    "/batch": [
      Endpoint(
        .post, .anyToken, .writes, body: .document, answers: [.ok], handler: APIHandler.runBatch)
    ],
    "/watch": [
      Endpoint(
        .get, .scope(.read), .returnsValues, parameters: ["prefix", "values", "after"],
        answers: [.ok, .gone], handler: APIHandler.getWatch)
    ],
    "/operations/{id}": [
      Endpoint(
        .get, .scope(.read), answers: [.ok, .notFound], handler: APIHandler.getOperation)
    ],
    "/health": [Endpoint(.get, .everybody, answers: [.ok], handler: APIHandler.getHealth)],
    "/health/live": [Endpoint(.get, .everybody, answers: [.ok], handler: APIHandler.getLiveness)],
    "/health/ready": [Endpoint(.get, .everybody, answers: [.ok], handler: APIHandler.getReadiness)],
    "/whoami": [Endpoint(.get, .anyToken, answers: [.ok], handler: APIHandler.getCaller)],
    "/cache/stats": [
      Endpoint(.get, .scope(.admin), answers: [.ok], handler: APIHandler.getCacheStatistics)
    ],
    "/metrics": [Endpoint(.get, .scope(.admin), answers: [.ok], handler: APIHandler.getMetrics)],
    "/openapi.json": [Endpoint(.get, .anyToken, answers: [.ok], handler: APIHandler.getOpenAPI)],
    "/docs": [
      Endpoint(.get, .anyToken, answers: [.ok, .notModified], handler: APIHandler.getDocs)
    ],
    "/": [
      Endpoint(.get, .everybody, answers: [.ok, .notModified], handler: APIHandler.getConsole)
    ],
  ]
}
