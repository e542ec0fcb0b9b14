import Service
import Testing

@Suite("A container's share of the cores")
struct ProcessorQuotaTests {
  /// What the files of a process say, and the cores that it may use of eight.
  struct Sample: Sendable, CustomTestStringConvertible {
    let cores: Int
    let group: String?
    let quotas: [String: String]

    init(_ cores: Int, in group: String?, _ quotas: [String: String] = [:]) {
      (self.cores, self.group, self.quotas) = (cores, group, quotas)
    }

    var testDescription: String { "\(group ?? "no group"): \(quotas)" }
  }

  @Test(
    "The quotas of its group, and of those that this is in, bound the cores",
    arguments: [
      Sample(8, in: nil), Sample(8, in: "0::/\n"), Sample(1, in: nil, ["": "100000 100000"]),
      Sample(8, in: "0::/\n", ["": "max 100000\n"]), Sample(1, in: "0::/\n", ["": "100000 100000"]),
      Sample(2, in: "0::/\n", ["": "100001 100000\n"]), Sample(1, in: "0::/\n", ["": "1000 50000"]),
      Sample(8, in: "0::/\n", ["": "6400000 100000\n"]),
      Sample(3, in: "0::/a/b\n", ["/a/b": "300000 100000\n", "/a": "max 100000\n"]),
      Sample(2, in: "0::/a/b\n", ["/a/b": "300000 100000\n", "/a": "200000 100000\n"]),
      Sample(4, in: "0::/a/b\n", ["": "400000 100000\n"]),
      Sample(4, in: "0::/../other\n", ["": "400000 100000\n", "/../other": "100000 100000\n"]),
      Sample(2, in: "4:memory:/m\n0::/a\n", ["/a": "200000 100000\n", "/m": "100000 100000\n"]),
      Sample(8, in: "0::/\n", ["": ""]), Sample(8, in: "0::/\n", ["": "-1 100000"]),
      Sample(8, in: "0::/\n", ["": "100000"]), Sample(8, in: "0::/\n", ["": "0 0"]),
      Sample(8, in: "0::/\n", ["": "100000 0"]),
    ])
  func quotas(_ sample: Sample) {
    let cores = ProcessorQuota.cores(of: 8) { path in
      if path == "/proc/self/cgroup" { return sample.group }
      let top = "/sys/fs/cgroup"
      guard path.hasPrefix(top), path.hasSuffix("/cpu.max") else { return nil }
      return sample.quotas[String(path.dropFirst(top.count).dropLast("/cpu.max".count))]
    }
    #expect(cores == sample.cores)
  }

  @Test("There is always a core")
  func least() {
    #expect(ProcessorQuota.cores(of: 0) { _ in nil } == 1)
  }
}

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
