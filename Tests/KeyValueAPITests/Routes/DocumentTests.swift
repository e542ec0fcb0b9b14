import HTTP
import Testing

@testable import KeyValueAPI

@Suite("The documents describe what the program does")
struct DocumentTests {
  private let server = Server(Backing())

  private func description() async throws -> JSONValue {
    try await server.send("GET /openapi.json").json
  }

  /// The rows of the route table that openapi.json describes, a row for each method.
  static let operations = Route.all.dropLast(2).flatMap { route in
    RouteMethod.allCases.compactMap { method in
      route.endpoint(for: method).map {
        Operation(path: route.template, method: method, endpoint: $0)
      }
    }
  }

  struct Operation: CustomTestStringConvertible {
    let path: String
    let method: RouteMethod
    let endpoint: Endpoint
    var testDescription: String { "\(method.name) \(path)" }
  }

  @Test("openapi.json describes every route with every method, and no other")
  func routes() async throws {
    let answer = try await server.send("GET /openapi.json")
    #expect(answer["Content-Type"] == "application/json")
    let described = try #require(try answer.json["paths"]).members.flatMap { path in
      path.value.members.map { "\($0.name.uppercased()) \(path.name)" }
    }
    #expect(Set(described) == Set(Self.operations.map(\.testDescription)))
    #expect(described.count == Self.operations.count)
  }

  @Test(
    "openapi.json says of an operation what its row in the route table says", arguments: operations)
  func rows(_ row: Operation) async throws {
    let (endpoint, description) = (row.endpoint, try await description())
    let operation = try #require(description["paths"]?[row.path]?[row.method.name.lowercased()])
    let parameters = (operation["parameters"]?.elements ?? [])
      .map { Self.resolved($0, in: description) }.filter { $0["in"]?.string == "query" }.compactMap
    { $0["name"]?.string }
    #expect(parameters.sorted() == endpoint.parameters.sorted())
    let statuses = Set(try #require(operation["responses"]).members.map(\.name))
    #expect(statuses == Set(endpoint.statuses.map { String($0.code) }))
    #expect((operation["requestBody"] != nil) == (endpoint.body != .none))
    // A server without tokens lets every client in, so each operation can also go without one.
    let security = (operation["security"] ?? description["security"])?.elements ?? []
    let scopes = security.compactMap { $0["bearer"]?.elements.compactMap(\.string) }
    switch endpoint.access {
    case .everybody: #expect(security.isEmpty)
    case .anyToken: #expect(scopes == [[]])
    case .scope(let scope): #expect(scopes == [[scope.rawValue]])
    }
  }

  @Test("openapi.json knows every type of problem")
  func problemTypes() async throws {
    let types = try await description()["components"]?["schemas"]?["Problem"]?["properties"]?[
      "type"]?["enum"]?.elements.compactMap(\.string)
    #expect(types == ProblemType.allCases.map { "/docs#\($0.anchor)" })
  }

  @Test("Every reference in openapi.json leads somewhere")
  func references() async throws {
    let description = try await description()
    func check(_ value: JSONValue) {
      for (name, member) in value.members {
        if name == "$ref" {
          let found = member.string.flatMap { Self.target(of: $0, in: description) }
          #expect(found != nil, "\(member.string ?? "")")
        }
        check(member)
      }
      for element in value.elements { check(element) }
    }
    check(description)
  }

  /// What a reference of the document stands for, or the value itself.
  private static func resolved(_ value: JSONValue, in description: JSONValue) -> JSONValue {
    value["$ref"]?.string.flatMap { target(of: $0, in: description) } ?? value
  }

  private static func target(of reference: String, in description: JSONValue) -> JSONValue? {
    reference.split(separator: "/").dropFirst()
      .reduce(Optional(description)) { $0?[String($1)] }
  }

  @Test("The page shows every path and has an anchor for every problem")
  func page() async throws {
    let page = try await server.send("GET /docs")
    for row in Self.operations {
      #expect(page.text.contains("<code>\(row.path)</code>"), "\(row.path)")
      if [.head, .options].contains(row.method) { continue }
      let form = "<form data-method=\"\(row.method.name)\" data-path=\"\(row.path)\">"
      #expect(page.text.contains(form), "\(row.testDescription)")
    }
    for type in ProblemType.allCases {
      #expect(page.text.contains("<dt id=\"\(type.anchor)\">"), "\(type.anchor)")
    }
  }

  @Test("Statuses of problems are errors, and each problem says what to do")
  func problems() {
    for type in ProblemType.allCases {
      #expect((400...599).contains(type.status.code))
      #expect(!type.advice.description.isEmpty)
      #expect(!type.title.description.isEmpty)
    }
  }
}
