import Testing

@testable import KeyValueAPI

@Suite("The field traceparent")
struct TraceParentTests {
  private static let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
  private static let parent = "00f067aa0ba902b7"

  private func text(_ field: String) -> String? { TraceParent(Array(field.utf8)[...])?.text }

  @Test("A valid field is kept as it came")
  func valid() {
    let field = "00-\(Self.trace)-\(Self.parent)-01"
    #expect(text(field) == field)
  }

  @Test("A later version may have more behind it, which is left out")
  func laterVersion() {
    let field = "01-\(Self.trace)-\(Self.parent)-00"
    #expect(text(field) == field)
    #expect(text(field + "-what-the-future-will-be-like") == field)
  }

  @Test(
    "An invalid field is ignored",
    arguments: [
      "", "00", "00-\(trace)-\(parent)", "00-\(trace)-\(parent)-1", "00-\(trace)-\(parent)-011",
      "00-\(trace)-\(parent)-01-more", "01-\(trace)-\(parent)-01more", "ff-\(trace)-\(parent)-01",
      "00-\(trace.uppercased())-\(parent)-01", "00_\(trace)-\(parent)-01",
      "00-00000000000000000000000000000000-\(parent)-01", "00-\(trace)-0000000000000000-01",
      "00-\(trace.dropLast())-\(parent)-01", "00-\(trace)g\(parent)-01", "0g-\(trace)-\(parent)-01",
    ])
  func invalid(_ field: String) {
    #expect(text(field) == nil)
  }
}
