internal import ArgumentParser
internal import FoundationEssentials
internal import KeyValueClient

struct BatchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "batch", abstract: "Carries out many operations in one request.",
    discussion: """
      FILE holds the document of the API, {"atomic":…,"operations":[…]}, or only the operations: \
      an array, or one a line. It prints the document of the answer, with a result for each. The \
      exit code is that of the first operation that failed.

      EXAMPLES:
        kv batch --atomic transfer.json
        printf '{"op":"get","key":"%s"}\\n' a b c | kv batch -
      """)

  @Argument(help: "The file; - for the standard input.", completion: .file()) var file: String

  @Flag(name: .customLong("atomic"), help: "All or nothing; not for a whole document.")
  var isAtomic = false

  @OptionGroup var server: ServerOptions

  func run() async throws {
    let client = try server.client()
    var request = ClientRequest("POST", "/batch")
    request.set("Content-Type", "application/json")
    request.identify()
    request.body = try Self.document(
      try Terminal.readAll(try Terminal.open(file)), isAtomic: isAtomic)
    let answer = try await client.send(request)
    try Terminal.write(answer.body + [0x0A])
    let statuses: Statuses = try client.decode(answer)
    if let index = statuses.results.firstIndex(where: { $0.status >= 400 }) {
      let status = statuses.results[index].status
      throw Failure(
        ExitReason.of(status: status), "operation \(index), counted from 0, failed with \(status)")
    }
  }

  private struct Statuses: Decodable {
    let results: [Result]
    struct Result: Decodable { let status: Int }
  }

  private struct Whole: Decodable {
    let operations: [Anything]
    struct Anything: Decodable { init(from decoder: any Decoder) {} }
  }

  /// The document of the API. Operations are passed on as they are; the server judges them.
  static func document(_ bytes: [UInt8], isAtomic: Bool) throws -> [UInt8] {
    let isSpace = { (byte: UInt8) in [0x20, 0x09, 0x0A, 0x0D].contains(byte) }
    let operations: [UInt8]
    if bytes.first(where: { !isSpace($0) }) == UInt8(ascii: "[") {
      operations = bytes
    } else if (try? JSONDecoder().decode(Whole.self, from: Data(bytes))) != nil {
      guard !isAtomic else {
        throw Failure(.usage, "the file has a whole document: say \"atomic\":true in it")
      }
      return bytes
    } else {
      let lines = bytes.split(separator: 0x0A).filter { !$0.allSatisfy(isSpace) }
      operations = Array("[".utf8) + lines.joined(separator: [UInt8(ascii: ",")]) + Array("]".utf8)
    }
    return Array("{\"atomic\":\(isAtomic),\"operations\":".utf8) + operations + Array("}".utf8)
  }
}
