/// A status code with its reason phrase (RFC 9110 §15).
public struct Status: Equatable, Sendable {
  /// 100 to 599.
  public let code: Int
  /// The text after the code in the status line.
  public let reason: StaticString

  private init(_ code: Int, _ reason: StaticString) {
    self.code = code
    self.reason = reason
  }

  public static func == (left: Status, right: Status) -> Bool { left.code == right.code }

  public static let ok = Status(200, "OK")
  public static let created = Status(201, "Created")
  public static let accepted = Status(202, "Accepted")
  public static let noContent = Status(204, "No Content")
  public static let found = Status(302, "Found")
  public static let notModified = Status(304, "Not Modified")
  public static let badRequest = Status(400, "Bad Request")
  public static let unauthorized = Status(401, "Unauthorized")
  public static let forbidden = Status(403, "Forbidden")
  public static let notFound = Status(404, "Not Found")
  public static let methodNotAllowed = Status(405, "Method Not Allowed")
  public static let requestTimeout = Status(408, "Request Timeout")
  public static let conflict = Status(409, "Conflict")
  public static let gone = Status(410, "Gone")
  public static let preconditionFailed = Status(412, "Precondition Failed")
  public static let contentTooLarge = Status(413, "Content Too Large")
  public static let uriTooLong = Status(414, "URI Too Long")
  public static let unsupportedMediaType = Status(415, "Unsupported Media Type")
  public static let expectationFailed = Status(417, "Expectation Failed")
  public static let unprocessableContent = Status(422, "Unprocessable Content")
  public static let tooManyRequests = Status(429, "Too Many Requests")
  public static let headerFieldsTooLarge = Status(431, "Request Header Fields Too Large")
  public static let internalServerError = Status(500, "Internal Server Error")
  public static let notImplemented = Status(501, "Not Implemented")
  public static let serviceUnavailable = Status(503, "Service Unavailable")
  public static let versionNotSupported = Status(505, "HTTP Version Not Supported")
}

/// Why the server refuses a request that violates HTTP or exceeds a limit, before a handler sees
/// it.
public struct HTTPProblem: Error, Equatable, Sendable {
  /// The status of the answer, after which the connection is closed.
  public let status: Status
  /// Tells the client what to change.
  public let detail: String

  init(_ status: Status, _ detail: String) {
    self.status = status
    self.detail = detail
  }
}
