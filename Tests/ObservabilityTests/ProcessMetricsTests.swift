import Basics
import Testing

@testable import Observability

@Suite("The metrics of the process")
struct ProcessMetricsTests {
  private func value(_ name: String) -> Double? {
    ProcessMetrics.samples().first { $0.description.name == name }?.value
  }

  @Test("A program's name may hold parentheses and spaces")
  func statFields() {
    let stat =
      "42 (a) (b c) S 1 42 42 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 7 0 500 104857600 2048 "
      + "18446744073709551615"
    let units = ProcessStatus.Units(ticksPerSecond: 100, pageBytes: 4_096)
    let status = ProcessStatus(
      stat: stat, system: "cpu 1 2 3\nbtime 1750000000\nprocesses 5\n", units: units)
    #expect(status?.threads == 7)
    #expect(status?.startSeconds == 1_750_000_005)
    #expect(status?.virtualBytes == 104_857_600)
    #expect(status?.residentBytes == 8_388_608)
  }

  @Test("A text that is cut short is no status", arguments: ["", "42 (a", "42 (a) S 1 2"])
  func shortStat(_ stat: String) {
    let units = ProcessStatus.Units(ticksPerSecond: 100, pageBytes: 4_096)
    #expect(ProcessStatus(stat: stat, system: "btime 1\n", units: units) == nil)
  }

  @Test("CPU time and descriptors are exported on every platform")
  func portable() throws {
    #expect(try #require(value("process_cpu_seconds_total")) > 0)
    #expect(try #require(value("process_max_fds")) >= 3)
  }

  #if os(Linux)
    @Test("Memory, threads, descriptors and the start are exported on Linux")
    func linux() throws {
      let resident = try #require(value("process_resident_memory_bytes"))
      #expect(resident > 1_048_576)
      #expect(try #require(value("process_virtual_memory_bytes")) > resident)
      #expect(try #require(value("process_threads")) >= 1)
      #expect(try #require(value("process_open_fds")) >= 3)
      let now = Double(SystemTime.microseconds()) / 1e6
      let start = try #require(value("process_start_time_seconds"))
      // The kernel rounds the time of the boot to a second.
      #expect((now - 86_400...now + 2).contains(start))
    }
  #endif

  @Test("Every sample is in the catalogue")
  func catalogue() {
    let names = Set(ProcessMetrics.catalogue.map(\.name))
    #expect(names.count == ProcessMetrics.catalogue.count)
    #expect(ProcessMetrics.samples().allSatisfy { names.contains($0.description.name) })
  }

  @Test("A file that is not there has no text")
  func missingFile() {
    #expect(ProcessFiles.text(of: "/proc/self/no-such-file") == nil)
  }
}
