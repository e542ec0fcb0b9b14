import HTTP
import Testing

@testable import KeyValueAPI

@Suite("The documents describe what the program does")
struct DocumentTests {
  private let server = Server(Backing())

  private func description() async throws -> JSONValue {
    try await server.send("GET /openapi.json").json
  }

  @Test("openapi.json describes every route with every method, and no other")
  func routes() async throws {
    let answer = try await server.send("GET /openapi.json")
    #expect(answer["Content-Type"] == "application/json")
    let paths = try #require(try answer.json["paths"])
    let routes = Route.allCases.filter { $0 != .unknown && $0 != .asterisk }
    #expect(Set(paths.members.map(\.name)) == Set(routes.map(\.label.description)))
    for route in routes {
      let methods = try #require(paths[route.label.description]).members.map(\.name)
      let allowed = route.allow.description.lowercased().split(separator: ", ").map(String.init)
      #expect(Set(methods) == Set(allowed), "\(route.label)")
    }
  }

  @Test("openapi.json lists the query parameters that the endpoints know")
  func parameters() async throws {
    let paths = try #require(try await description()["paths"])
    for path in paths.members {
      let route = try #require(Route.allCases.first { $0.label.description == path.name })
      for (name, operation) in path.value.members {
        let method: HTTP.Method =
          switch name {
          case "put": .put
          case "post": .post
          case "delete": .delete
          case "options": .options
          default: .get
          }
        let endpoint = try #require(Endpoint(route, method))
        let documented = (operation["parameters"]?.elements ?? [])
          .filter { $0["in"]?.string == "query" }.compactMap { $0["name"]?.string }
        #expect(Set(documented) == Set(endpoint.parameters), "\(name) \(path.name)")
      }
    }
  }

  @Test("openapi.json knows every type of problem")
  func problemTypes() async throws {
    let types = try await description()["components"]?["schemas"]?["Problem"]?["properties"]?[
      "type"]?["enum"]?.elements.compactMap(\.string)
    #expect(types == ProblemType.allCases.map { "/docs#\($0.rawValue)" })
  }

  @Test("Every reference in openapi.json leads somewhere")
  func references() async throws {
    let description = try await description()
    func check(_ value: JSONValue) {
      for (name, member) in value.members {
        if name == "$ref" {
          let found = member.string?.split(separator: "/").dropFirst()
            .reduce(Optional(description)) { $0?[String($1)] }
          #expect(found != nil, "\(member.string ?? "")")
        }
        check(member)
      }
      for element in value.elements { check(element) }
    }
    check(description)
  }

  @Test("The page shows every path and has an anchor for every problem")
  func page() async throws {
    let page = try await server.send("GET /docs")
    #expect(page.status == 200)
    #expect(page["Content-Type"] == "text/html; charset=utf-8")
    #expect(page["Content-Security-Policy"]?.hasPrefix("default-src 'none'") == true)
    for route in Route.allCases where route != .unknown && route != .asterisk {
      #expect(page.text.contains("<code>\(route.label)</code>"), "\(route.label)")
    }
    for type in ProblemType.allCases {
      #expect(page.text.contains("<dt id=\"\(type.rawValue)\">"), "\(type.rawValue)")
    }
  }

  @Test(
    "The page asks for nothing else and runs nothing",
    arguments: [
      "<script", "<img", "<link", "src=", "url(", "@import", "http://", "https://", "javascript:",
    ])
  func pageIsAlone(_ text: String) async throws {
    #expect(!(try await server.send("GET /docs").text.contains(text)))
  }

  @Test("The root leads to the documents")
  func root() async throws {
    let answer = try await server.send("GET /")
    #expect(answer.status == 302)
    #expect(answer["Location"] == "/docs")
  }

  @Test("Statuses of problems are errors, and each problem says what to do")
  func problems() {
    for type in ProblemType.allCases {
      #expect((400...599).contains(type.status.code))
      #expect(!type.advice.isEmpty)
      #expect(!type.title.description.isEmpty)
    }
  }
}
