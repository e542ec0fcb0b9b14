internal import ArgumentParser
internal import FoundationEssentials
internal import KeyValueClient

/// The options of every command that talks to a server.
struct ServerOptions: ParsableArguments {
  @Option(help: "The server. (default: KV_URL, or http://127.0.0.1:8080)")
  var url: String?

  @Option(
    help: ArgumentHelp(
      "A file with the token. (default: KV_TOKEN, or the file KV_TOKEN_FILE)", valueName: "file"),
    completion: .file())
  var tokenFile: String?

  @Option(
    help: ArgumentHelp(
      "The certificates (PEM) that may sign the server's. (default: KV_CA_FILE, or the system's)",
      valueName: "file"),
    completion: .file())
  var caFile: String?

  @Option(help: ArgumentHelp("How long a request may take, with repetitions.", valueName: "time"))
  var timeout = TimeSpan(seconds: 60)

  @Option(help: ArgumentHelp("How often a request that failed is sent again.", valueName: "n"))
  var retries = 4

  func validate() throws {
    guard (0...100).contains(retries) else {
      throw ValidationError("--retries is a number from 0 to 100.")
    }
    guard timeout.seconds > 0 else { throw ValidationError("--timeout is longer than that.") }
  }

  /// The options of those that are not given come from the environment.
  func configuration(
    _ environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws -> ClientConfiguration {
    func setting(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
    let text = url ?? setting("KV_URL") ?? "http://127.0.0.1:8080"
    guard let address = ServerAddress(text) else {
      throw Failure(.usage, "\(text) is no address of a server, as https://keys.example.com")
    }
    var configuration = ClientConfiguration(address: address)
    configuration.timeout = .seconds(timeout.seconds)
    configuration.repetitionsMax = retries
    if let tokenFile {
      configuration.token = try token(inFile: tokenFile)
    } else if let token = setting("KV_TOKEN") {
      configuration.token = token
    } else if let file = setting("KV_TOKEN_FILE") {
      configuration.token = try token(inFile: file)
    }
    if let token = configuration.token, !token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) {
      throw Failure(.usage, "the token has a space or a character that no token has")
    }
    if address.isSecure {
      let file = caFile ?? setting("KV_CA_FILE")
      guard let trust = TrustedCertificates(file: file) else {
        throw Failure(.usage, "there are no certificates in \(file ?? "")")
      }
      configuration.trust = trust
    }
    return configuration
  }

  func client() throws -> StoreClient { StoreClient(try configuration()) }

  private func token(inFile path: String) throws -> String {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw Failure(.usage, "the token's file \(path) can't be read")
    }
    let words = text.split(whereSeparator: \.isWhitespace)
    guard words.count == 1 else {
      throw Failure(.usage, "the file \(path) has to hold one token and nothing else")
    }
    return String(words[0])
  }
}

/// A time in whole seconds, as `90`, `90s`, `15m`, `2h` or `7d`.
struct TimeSpan: ExpressibleByArgument, Equatable, CustomStringConvertible {
  let seconds: Int64

  init(seconds: Int64) { self.seconds = seconds }

  init?(argument: String) {
    let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]
    let unit = argument.last.flatMap { units[$0] }
    guard let number = Int64(unit == nil ? argument[...] : argument.dropLast()), number >= 0,
      !argument.hasPrefix("+")
    else { return nil }
    let (product, overflow) = number.multipliedReportingOverflow(by: unit ?? 1)
    guard !overflow, product <= 315_360_000 else { return nil }
    seconds = product
  }

  var description: String { "\(seconds)s" }
}

/// How a command shows what it found.
struct OutputOptions: ParsableArguments {
  @Flag(name: .customLong("json"), help: "Print JSON, one document a line.")
  var isJSON = false
}

/// Conditions on the entry that a write finds.
struct ConditionOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Only if this is the revision; * for any.", valueName: "revision"))
  var ifMatch: String?

  @Option(help: ArgumentHelp("Only if this is not the revision; * for any.", valueName: "revision"))
  var ifNoneMatch: String?

  func apply(to request: inout ClientRequest) throws {
    for (name, text) in [("If-Match", ifMatch), ("If-None-Match", ifNoneMatch)] {
      guard let text else { continue }
      let digits = text.filter { $0 != "\"" }
      guard digits == "*" || Int64(digits) != nil else {
        throw Failure(.usage, "\(text) is no revision: it is a number, or * (quoted for the shell)")
      }
      request.set(name, digits == "*" ? "*" : "\"\(digits)\"")
    }
  }
}

/// How a write may be carried out.
struct WriteOptions: ParsableArguments {
  @Flag(name: .customLong("async"), help: "Queue the write, and print its operation (see `kv op`).")
  var isAsync = false

  /// A write with an Idempotency-Key is never queued, as its answer is its outcome. One without is
  /// sent again only if nothing was done.
  func apply(to request: inout ClientRequest) {
    guard isAsync else { return request.identify() }
    request.set("Prefer", "respond-async")
    request.repetition = .ifNothingWasDone
  }
}
