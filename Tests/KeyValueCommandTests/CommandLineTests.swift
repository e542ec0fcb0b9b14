import ArgumentParser
import KeyValueClient
import Testing

@testable import KeyValueCommand

@Suite("The command line of kv")
struct CommandLineTests {
  @Test("Every error has the exit code that the help documents")
  func exitCodes() {
    func reason(_ status: Int, _ type: String? = nil) -> ExitReason {
      .of(.refused(Problem(status: status, type: type, text: "")))
    }
    #expect(reason(404) == .notFound)
    #expect(reason(412) == .conditionFailed)
    #expect(reason(401) == .notAllowed)
    #expect(reason(403) == .notAllowed)
    #expect(reason(410) == .positionGone)
    #expect(reason(400) == .usage)
    #expect(reason(409) == .failure)
    #expect(reason(500) == .failure)
    #expect(reason(503, "/docs#unavailable") == .unavailable)
    #expect(reason(503, "/docs#outcome-unknown") == .outcomeUnknown)
    #expect(reason(429) == .unavailable)
    #expect(ExitReason.of(ClientError.unavailable("")) == .unavailable)
    #expect(ExitReason.of(ClientError.outcomeUnknown("")) == .outcomeUnknown)
    #expect(ExitReason.of(ClientError.insecure("")) == .failure)
    #expect(ExitReason.of(ClientError.malformed("")) == .failure)
    for reason in ExitReason.allCases {
      #expect(KVCommand.helpMessage().contains("\(reason.rawValue)  "))
    }
  }

  @Test("Times are read with their unit")
  func times() {
    let seconds = { TimeSpan(argument: $0)?.seconds }
    #expect(
      ["90", "90s", "15m", "2h", "7d", "0"].map(seconds) == [90, 90, 900, 7_200, 604_800, 0])
    for text in ["", "s", "-1", "+1", "1.5h", "1w", "3651d", "99999999999999999999d"] {
      #expect(seconds(text) == nil, "\(text)")
    }
  }

  @Test("The environment names the server and the token; options come first")
  func environment() throws {
    let options = try ServerOptions.parse([])
    let found = try options.configuration(["KV_URL": "https://a.example", "KV_TOKEN": "t"])
    #expect(found.address.text == "https://a.example")
    #expect(found.token == "t")
    #expect(found.trust != nil)
    #expect(try options.configuration([:]).address.text == "http://127.0.0.1:8080")
    #expect(try options.configuration(["KV_URL": ""]).address.text == "http://127.0.0.1:8080")
    let given = try ServerOptions.parse(["--url", "http://b.example"])
    #expect(try given.configuration(["KV_URL": "https://a.example"]).address.host == "b.example")
    #expect(throws: Failure.self) { try options.configuration(["KV_URL": "a.example"]) }
    #expect(throws: Failure.self) { try options.configuration(["KV_TOKEN": "a b"]) }
    #expect(throws: Failure.self) { try options.configuration(["KV_TOKEN_FILE": "/nowhere"]) }
    #expect(throws: Failure.self) {
      try options.configuration(["KV_URL": "https://a.example", "KV_CA_FILE": "/nowhere"])
    }
  }

  @Test("Every command has an example in its help")
  func examples() {
    let commands = KVCommand.configuration.groupedSubcommands.flatMap(\.subcommands)
    #expect(commands.count == 17)
    for command in commands {
      let name = command.configuration.commandName ?? ""
      let help = KVCommand.helpMessage(for: command)
      #expect(help.contains("EXAMPLES:") && help.contains("kv \(name)"), "\(name)")
    }
  }

  @Test("A batch takes a document, an array, or an operation a line")
  func batches() throws {
    func document(_ text: String, isAtomic: Bool = false) throws -> String {
      let bytes = try BatchCommand.document(Array(text.utf8), isAtomic: isAtomic)
      return String(decoding: bytes, as: UTF8.self)
    }
    let whole = #"{"atomic":true,"operations":[{"op":"get","key":"a"}]}"#
    #expect(try document(whole) == whole)
    #expect(throws: Failure.self) { try document(whole, isAtomic: true) }
    #expect(try document("\n[1]", isAtomic: true) == "{\"atomic\":true,\"operations\":\n[1]}")
    #expect(
      try document("{\"a\":1}\n\n{\"b\":2}\n")
        == #"{"atomic":false,"operations":[{"a":1},{"b":2}]}"#)
    #expect(try document("") == #"{"atomic":false,"operations":[]}"#)
  }

  @Test("Keys in order become a tree")
  func tree() {
    var tree = KeyTree(prefix: "", delimiter: "/")
    let lines = ["a", "a/b/c", "a/b/d", "a/e/", "b//c"].flatMap { tree.lines(for: $0) }
    #expect(
      lines == [
        "a", "a/", "  b/", "    c", "    d", "  e/", "    (the key itself)", "b/", "  /", "    c",
      ])
  }
}
