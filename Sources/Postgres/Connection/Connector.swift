import CPostgres
import EventLoop
import Foundation

/// Makes connections, trying the hosts one after the other in random order.
struct Connector {
  private struct Host {
    let name: String
    let port: String
  }

  private let url: String
  private let hosts: [Host]
  /// Whether a server's certificate is verified before anything is sent to it.
  private let isVerifying: Bool
  /// Whether to connect only to a server that takes writes: there are several hosts, and the URL
  /// does not say which kind of server to use.
  private let wantsPrimary: Bool
  private let timeout: Duration
  private var next: Int

  /// Reads the hosts out of the URL. Throws if the URL is malformed.
  init(_ configuration: PostgresConfiguration) throws(PostgresURLError) {
    url = configuration.url
    timeout = configuration.connectTimeout
    var error: UnsafeMutablePointer<CChar>?
    guard let options = PQconninfoParse(url, &error) else {
      // libpq's message may quote the URL, which holds the password.
      PQfreemem(error)
      throw PostgresURLError()
    }
    defer { PQconninfoFree(options) }
    let values = Self.values(of: options)
    let names = Self.list(values["host"] ?? "")
    let ports = Self.list(values["port"] ?? "")
    guard ports.count == 1 || ports.count == names.count else { throw PostgresURLError() }
    hosts = names.enumerated().map { index, name in
      Host(name: name, port: ports.count == 1 ? ports[0] : index < ports.count ? ports[index] : "")
    }.shuffled()
    isVerifying = Self.isVerifying(values)
    wantsPrimary = hosts.count > 1 && values["target_session_attrs"] == nil
    next = 0
  }

  private static func values(
    of options: UnsafeMutablePointer<PQconninfoOption>
  ) -> [String: String] {
    var values: [String: String] = [:]
    var option = options
    while let keyword = option.pointee.keyword {
      if let value = option.pointee.val {
        values[String(cString: keyword)] = String(cString: value)
      }
      option += 1
    }
    return values
  }

  /// Whether connections with these values verify the server's certificate (libpq, "SSL Support").
  private static func isVerifying(_ given: [String: String]) -> Bool {
    var defaults: [String: String] = [:]
    // Also from the environment (PGSSLMODE); without any, the mode is `prefer`.
    if let options = PQconndefaults() {
      defaults = values(of: options)
      PQconninfoFree(options)
    }
    switch given["sslmode"] ?? defaults["sslmode"] {
    case "verify-full", "verify-ca": return true
    // "If a root CA file exists, the behavior of sslmode=require will be the same as that of
    // verify-ca".
    case "require": return (given["sslrootcert"] ?? defaults["sslrootcert"]) != nil
    default: return false
    }
  }

  /// The hosts whose certificate is not verified.
  var unverifiedHosts: [String] { isVerifying ? [] : hosts.map(\.name).sorted() }

  private static func list(_ text: String) -> [String] {
    text.split(separator: ",", omittingEmptySubsequences: false).map { String($0) }
  }

  /// The host that is tried next, for the log.
  var nextHost: String {
    let host = hosts[next % hosts.count]
    return "\(host.name.isEmpty ? "local socket" : host.name):\(host.port)"
  }

  /// Whether every host was tried since this was last true.
  var hasTriedAll: Bool { next % hosts.count == 0 }

  /// Connects to the next host.
  mutating func connect(on loop: EventLoop) async throws(ExchangeError) -> Connection {
    let host = hosts[next % hosts.count]
    next += 1
    let address = try await Self.address(of: host.name, within: timeout)
    let options: KeyValuePairs<String, String?> = [
      "dbname": url, "host": host.name, "port": host.port.isEmpty ? nil : host.port,
      "hostaddr": address,
      "target_session_attrs": wantsPrimary ? "read-write" : nil,
      "fallback_application_name": "kv", "client_encoding": "UTF8",
    ]
    let handle = try Self.start(options)
    let deadline = ContinuousClock.now + timeout
    do throws(ExchangeError) {
      try await Self.finish(handle, on: loop, by: deadline)
      guard PQsetnonblocking(handle, 1) == 0, PQenterPipelineMode(handle) == 1 else {
        throw ExchangeError.notSent(String(firstLineOf: PQerrorMessage(handle)))
      }
    } catch {
      PQfinish(handle)
      throw error
    }
    return Connection(adopting: handle, on: loop)
  }

  private static func start(
    _ options: KeyValuePairs<String, String?>
  ) throws(ExchangeError) -> OpaquePointer {
    // Pairs whose value is null are ignored, and later ones override what `dbname` expands to
    // (libpq, PQconnectStartParams).
    var keywords: [UnsafeMutablePointer<CChar>?] = options.map { strdup($0.key) } + [nil]
    var values: [UnsafeMutablePointer<CChar>?] = options.map { $0.value.map { strdup($0) } } + [nil]
    defer {
      for text in keywords + values { free(text) }
    }
    let handle = keywords.withUnsafeMutableBufferPointer { keywords in
      values.withUnsafeMutableBufferPointer { values in
        keywords.baseAddress!.withMemoryRebound(
          to: UnsafePointer<CChar>?.self, capacity: keywords.count
        ) { keywords in
          values.baseAddress!.withMemoryRebound(
            to: UnsafePointer<CChar>?.self, capacity: values.count
          ) { PQconnectStartParams(keywords, $0, 1) }
        }
      }
    }
    guard let handle else { throw .notSent("there is no memory for a connection") }
    // By default libpq writes notices ("already exists, skipping") to the standard error.
    PQsetNoticeProcessor(handle, { _, _ in }, nil)
    if PQstatus(handle) == CONNECTION_BAD {
      let cause = String(firstLineOf: PQerrorMessage(handle))
      PQfinish(handle)
      throw .notSent(cause)
    }
    return handle
  }

  /// Polls until the connection is made. "Do not assume that the socket remains the same across
  /// PQconnectPoll calls" (libpq): each wait watches the socket anew.
  private static func finish(
    _ handle: OpaquePointer, on loop: EventLoop, by deadline: ContinuousClock.Instant
  ) async throws(ExchangeError) {
    var state = PGRES_POLLING_WRITING
    while state != PGRES_POLLING_OK {
      guard state != PGRES_POLLING_FAILED else {
        throw .notSent(String(firstLineOf: PQerrorMessage(handle)))
      }
      guard let socket = try? Socket(watching: PQsocket(handle), on: loop) else {
        throw .notSent("no descriptor is left for a connection")
      }
      let left = deadline - ContinuousClock.now
      socket.setDeadline(after: max(left, .zero))
      let wakeup =
        state == PGRES_POLLING_READING ? await socket.readable() : await socket.writable()
      socket.close()
      guard wakeup == .ready else { throw .notSent("no connection in time") }
      if Task.isCancelled { throw .notSent("this process is leaving") }
      state = PQconnectPoll(handle)
    }
  }

  /// The address of a host, because libpq would block the loop while resolving it. Nil if the name
  /// is an address already, a path, or this machine.
  private static func address(
    of name: String, within duration: Duration
  ) async throws(ExchangeError) -> String? {
    guard !name.isEmpty, !name.hasPrefix("/"), name != "localhost", !HostLookup.isNumeric(name)
    else { return nil }
    guard let address = await HostLookup.addresses(of: name, within: duration).first else {
      throw .notSent("the address of \(name) can't be found")
    }
    return address
  }
}
