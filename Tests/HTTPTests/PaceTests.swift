import Testing

@testable import HTTP

@Suite("The pace of a transfer")
struct PaceTests {
  @Test("A window begins anew with enough bytes, not with any")
  func windows() {
    var pace = Pace(bytesPerSecond: 1_000, over: .seconds(10))
    func begins(after count: Int) -> Bool {
      pace.moved(count)
      return pace.begins()
    }
    #expect(begins(after: 0))
    for _ in 0..<9_999 { #expect(!begins(after: 1)) }
    #expect(begins(after: 1))
    #expect(!begins(after: 9_999))
    #expect(begins(after: 1 << 20))
  }
}
