import HTTP

// The description of the API, for programs and for people.
extension APIHandler {
  func getOpenAPI(_: AcceptedRequest) -> Response {
    Response(.ok, fields: APIHandler.openAPIFields, body: PackageResources.openapi_json)
  }

  func getDocs(_: AcceptedRequest) -> Response {
    Response(.ok, fields: APIHandler.docsFields, body: APIHandler.docsPage)
  }

  /// Not a permanent redirect: a console may take this place.
  func getRoot(_: AcceptedRequest) -> Response {
    var fields = FieldBlock(reserving: 64)
    fields.append("Location", "/docs")
    fields.append("Cache-Control", "no-store")
    return Response(.found, fields: fields)
  }

  private static let docsPage = DocsPage.render()

  private static let openAPIFields = {
    var fields = FieldBlock()
    fields.append("Content-Type", "application/json")
    fields.append("Cache-Control", "no-cache")
    fields.append("X-Content-Type-Options", "nosniff")
    return fields
  }()

  private static let docsFields = {
    var fields = FieldBlock()
    fields.append("Content-Type", "text/html; charset=utf-8")
    fields.append("Cache-Control", "no-cache")
    fields.append("X-Content-Type-Options", "nosniff")
    fields.append("Referrer-Policy", "no-referrer")
    // The page has its own style and nothing else: no script, no image, no request to any server.
    fields.append(
      "Content-Security-Policy",
      "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
        + "frame-ancestors 'none'")
    return fields
  }()
}
