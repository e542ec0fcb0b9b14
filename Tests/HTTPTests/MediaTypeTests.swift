import HTTP
import Testing

@Suite("Media types")
struct MediaTypeTests {
  private func read(_ text: String) -> MediaType? { MediaType(Array(text.utf8)[...]) }

  @Test(
    "Type and subtype are told in either case, whatever parameters follow",
    arguments: ["text/plain", "Text/PLAIN", "text/plain;charset=utf-8", "text/plain \t; a=\"/;\""])
  func named(_ text: String) throws {
    let type = try #require(read(text))
    #expect(type.isNamed("text/plain"))
    #expect(!type.isNamed("text/plai") && !type.isNamed("text/plaid"))
  }

  @Test(
    "What has no type, no subtype or other characters is none",
    arguments: ["", "/", "text", "text/", "/plain", "te xt/plain", "text/pl/ain", ";text/plain"])
  func malformed(_ text: String) { #expect(read(text) == nil) }
}
