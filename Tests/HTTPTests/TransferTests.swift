import Testing

@testable import HTTP

@Suite("A transfer")
struct TransferTests {
  @Test("A window starts again after enough bytes, not after any")
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

  @Test("Bytes leave the input buffer in the order in which they came")
  func inputBuffer() {
    var input = InputBuffer()
    var body: [UInt8] = []
    #expect(input.isEmpty)
    input.append { $0 += [1, 2, 3, 4] }
    input.consume(1)
    input.move(upTo: 2, to: &body)
    #expect(body == [2, 3] && input.count == 1)
    input.append { $0 += [5] }
    input.withBytes { #expect($0.count == 2 && $0[0] == 4 && $0[1] == 5) }
    input.move(upTo: 10, to: &body)
    #expect(body == [2, 3, 4, 5] && input.isEmpty)
  }
}
