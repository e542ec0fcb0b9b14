import Testing

@testable import KeyValueAPI
@testable import Service

@Suite("The limit on descriptors")
struct DescriptorLimitTests {
  @Test("Connections get what is left after the reserve, never less than one")
  func room() {
    let reserve = DescriptorLimit.reserve(loops: 2)
    #expect(DescriptorLimit.room(descriptors: reserve + 500, wanted: 1_000, loops: 2) == 500)
    #expect(DescriptorLimit.room(descriptors: reserve + 5_000, wanted: 1_000, loops: 2) == 1_000)
    #expect(DescriptorLimit.room(descriptors: 10, wanted: 1_000, loops: 2) == 1)
  }

  @Test("There is room for one connection on any machine that runs this")
  func thisProcess() {
    #expect(DescriptorLimit.makeRoom(connections: 1, loops: 1) == 1)
  }
}
