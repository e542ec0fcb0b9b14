#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// The fields of `/proc/self/stat` that are worth a metric (proc(5)).
struct ProcessStatus: Equatable {
  let threads: Double
  let startSeconds: Double
  let virtualBytes: Double
  let residentBytes: Double

  /// How the kernel counts.
  struct Units {
    var ticksPerSecond: Double
    var pageBytes: Double
  }

  /// Nil where there is no `/proc`.
  static func read() -> ProcessStatus? {
    guard let stat = ProcessFiles.text(of: "/proc/self/stat"),
      let system = ProcessFiles.text(of: "/proc/stat")
    else { return nil }
    let units = Units(
      ticksPerSecond: Double(sysconf(Int32(_SC_CLK_TCK))),
      pageBytes: Double(sysconf(Int32(_SC_PAGESIZE))))
    return ProcessStatus(stat: stat, system: system, units: units)
  }

  /// Reads the text of `/proc/self/stat` and of `/proc/stat`.
  init?(stat: String, system: String, units: Units) {
    // The second field is the program's name in parentheses and may hold anything, `)` and spaces
    // too: what follows its last parenthesis is field 3.
    guard let name = stat.lastIndex(of: ")") else { return nil }
    let fields = stat[stat.index(after: name)...].split(whereSeparator: \.isWhitespace)
    func field(_ number: Int) -> Double? {
      number - 3 < fields.count ? Double(fields[number - 3]) : nil
    }
    let boot = system.split(separator: "\n").first { $0.hasPrefix("btime ") }
    guard let threads = field(20), let start = field(22), let virtual = field(23),
      let pages = field(24), let bootSeconds = boot.flatMap({ Double($0.dropFirst(6)) })
    else { return nil }
    self.threads = threads
    startSeconds = bootSeconds + start / units.ticksPerSecond
    virtualBytes = virtual
    residentBytes = pages * units.pageBytes
  }
}
