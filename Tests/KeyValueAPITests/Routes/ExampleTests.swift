import HTTP
import Testing

@testable import KeyValueAPI

@Suite("The examples of openapi.json are what a server answers that has no key yet")
struct ExampleTests {
  private let server = Server(Backing())

  /// What no two servers answer alike.
  private static let chosenByServer: Set = [
    "revision", "created_at", "updated_at", "expires_at", "operation",
  ]

  @Test(
    "A request that is sent as an example shows it is answered as the example shows",
    arguments: ["put /kv/{key}", "patch /kv/{key}", "put /kv", "post /batch"])
  func example(_ name: String) async throws {
    let parts = name.split(separator: " ").map(String.init)
    let description = try await server.send("GET /openapi.json").json
    let operation = try #require(description["paths"]?[parts[1]]?[parts[0]])
    let media = try #require(
      operation["requestBody"]?["content"]?.members.first { $0.value["example"] != nil })
    let body = try #require(media.value["example"])
    let answer = try await server.send(
      "\(parts[0].uppercased()) \(parts[1].replacing("{key}", with: "greeting"))",
      [("Content-Type", media.name)], bytes: body.stringBytes ?? Array(body.text))
    let shown = try #require(
      operation["responses"]?["\(answer.status)"]?["content"]?["application/json"]?["example"],
      "there is no example of an answer \(answer.status)")
    try compare(answer.json, shown, "\(name): \(answer.text)")
  }

  private func compare(
    _ value: JSONValue, _ shown: JSONValue, name: String = "", _ comment: Comment
  ) throws {
    try #require(value.kind == shown.kind, comment)
    #expect(value.members.map(\.name) == shown.members.map(\.name), comment)
    #expect(value.count == shown.count, comment)
    for (one, other) in zip(value.members, shown.members) {
      try compare(one.value, other.value, name: one.name, comment)
    }
    for (one, other) in zip(value.elements, shown.elements) { try compare(one, other, comment) }
    if [.object, .array].contains(value.kind) || Self.chosenByServer.contains(name) { return }
    #expect(value.text.elementsEqual(shown.text), comment)
  }
}
