import HTTP

// The description of the API, for programs and for people.
extension APIHandler {
  func getOpenAPI(_: AcceptedRequest) -> Response {
    Response(.ok, fields: APIHandler.openAPIFields, body: PackageResources.openapi_json)
  }

  func getDocs(_ request: AcceptedRequest) throws(Problem) -> Response {
    try WebPage.docs.response(to: request.head)
  }

  /// The console holds no data, so everybody gets it; what it shows needs the user's token.
  func getConsole(_ request: AcceptedRequest) throws(Problem) -> Response {
    try WebPage.console.response(to: request.head)
  }

  private static let openAPIFields = {
    var fields = FieldBlock()
    fields.append("Content-Type", "application/json")
    fields.append("Cache-Control", "no-cache")
    fields.append("X-Content-Type-Options", "nosniff")
    return fields
  }()
}
