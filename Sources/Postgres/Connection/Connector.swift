import CPostgres
import EventLoop
import Foundation

/// Makes connections, to one host after the other in random order.
struct Connector {
  private struct Host {
    let name: String
    let port: String
  }

  private let url: String
  private let hosts: [Host]
  /// Whether the certificate of a server is verified before it is told anything.
  private let isVerifying: Bool
  /// Whether the URL leaves open what kind of server will do.
  private let wantsPrimary: Bool
  private let timeout: Duration
  private var next: Int

  /// Reads the hosts out of the URL. Throws a description of what is wrong with it, without its
  /// secrets.
  init(_ configuration: PostgresConfiguration) throws(PostgresURLError) {
    url = configuration.url
    timeout = configuration.connectTimeout
    var error: UnsafeMutablePointer<CChar>?
    guard let options = PQconninfoParse(url, &error) else {
      // libpq's message may quote the URL, and so the password.
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
    // Those of the environment, too (PGSSLMODE); the mode is `prefer` without any.
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

  /// Who is asked next, for the log.
  var nextHost: String {
    let host = hosts[next % hosts.count]
    return "\(host.name.isEmpty ? "local socket" : host.name):\(host.port)"
  }

  /// Whether every host was asked since this was last true.
  var hasTriedAll: Bool { next % hosts.count == 0 }

  /// Connects to the next host.
  mutating func connect(on loop: EventLoop) async throws(ExchangeError) -> Connection {
    let host = hosts[next % hosts.count]
    next += 1
    var options: KeyValuePairs<String, String?> = [:]
    options = [
      "dbname": url, "host": host.name, "port": host.port.isEmpty ? nil : host.port,
      "hostaddr": try await Self.address(of: host.name, within: timeout),
      "target_session_attrs": wantsPrimary ? "read-write" : nil,
      "fallback_application_name": "kv", "client_encoding": "UTF8",
    ]
    let handle = try Self.start(options)
    let deadline = ContinuousClock.now + timeout
    do throws(ExchangeError) {
      try await Self.finish(handle, on: loop, by: deadline)
      guard PQsetnonblocking(handle, 1) == 0, PQenterPipelineMode(handle) == 1 else {
        throw ExchangeError.notSent(Text.line(PQerrorMessage(handle)))
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
    // libpq writes what is no error ("already exists, skipping") to the standard error otherwise.
    PQsetNoticeProcessor(handle, { _, _ in }, nil)
    if PQstatus(handle) == CONNECTION_BAD {
      let cause = Text.line(PQerrorMessage(handle))
      PQfinish(handle)
      throw .notSent(cause)
    }
    return handle
  }

  /// Polls until the connection is made. "Do not assume that the socket remains the same across
  /// PQconnectPoll calls" (libpq): each wait watches it anew.
  private static func finish(
    _ handle: OpaquePointer, on loop: EventLoop, by deadline: ContinuousClock.Instant
  ) async throws(ExchangeError) {
    var state = PGRES_POLLING_WRITING
    while state != PGRES_POLLING_OK {
      guard state != PGRES_POLLING_FAILED else {
        throw .notSent(Text.line(PQerrorMessage(handle)))
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

  /// The address of a host: libpq would block the loop with looking it up. Nil if it is an address
  /// already, a path, or this machine.
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

extension PostgresConfiguration {
  /// Throws unless the URL can be read.
  public func check() throws(PostgresURLError) { _ = try Connector(self) }

  /// The hosts that are spoken to without verifying their certificate: by names, addresses or paths
  /// of sockets, or empty for the local one. Empty where the URL can't be read.
  public var unverifiedHosts: [String] { (try? Connector(self))?.unverifiedHosts ?? [] }
}

/// The URL of the database can't be read. What is wrong is not told: it could be the password.
public struct PostgresURLError: Error, CustomStringConvertible {
  /// What a URL looks like.
  public var description: String {
    "it must look like "
      + "postgresql://user:password@host:port,host:port/database?sslmode=verify-full"
  }
}
