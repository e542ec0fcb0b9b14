#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// The metrics that every Prometheus client exports about its process, under the usual names.
///
/// CPU time and descriptors come from POSIX. Memory, threads and the start time come from Linux'
/// `/proc` (proc(5)), and are left out on other systems.
public enum ProcessMetrics {
  private static let cpuSeconds = MetricDescription.counter(
    "process_cpu_seconds_total", "User and system CPU time spent, in seconds.")
  private static let residentBytes = MetricDescription.gauge(
    "process_resident_memory_bytes", "Resident memory, in bytes.")
  private static let virtualBytes = MetricDescription.gauge(
    "process_virtual_memory_bytes", "Virtual memory, in bytes.")
  private static let openDescriptors = MetricDescription.gauge(
    "process_open_fds", "Open file descriptors.")
  private static let descriptorsMax = MetricDescription.gauge(
    "process_max_fds", "The most file descriptors that may be open.")
  private static let startSeconds = MetricDescription.gauge(
    "process_start_time_seconds", "When the process started, in seconds since the Unix epoch.")
  private static let threads = MetricDescription.gauge(
    "process_threads", "Threads of the process.")

  public static let catalogue = [
    cpuSeconds, residentBytes, virtualBytes, openDescriptors, descriptorsMax, startSeconds, threads,
  ]

  /// Reads the metrics now, with a few system calls and short reads from `/proc`: about 50 µs.
  public static func samples() -> [MetricSample] {
    var samples = [MetricSample(cpuSeconds, [], cpuTime())]
    if let limit = descriptorLimit() { samples.append(MetricSample(descriptorsMax, [], limit)) }
    if let open = ProcessFiles.openDescriptors() {
      samples.append(MetricSample(openDescriptors, [], Double(open)))
    }
    if let status = ProcessStatus.read() {
      samples.append(MetricSample(residentBytes, [], status.residentBytes))
      samples.append(MetricSample(virtualBytes, [], status.virtualBytes))
      samples.append(MetricSample(threads, [], status.threads))
      samples.append(MetricSample(startSeconds, [], status.startSeconds))
    }
    return samples
  }

  private static func cpuTime() -> Double {
    var usage = rusage()
    #if canImport(Glibc)
      let result = getrusage(RUSAGE_SELF.rawValue, &usage)
    #else
      let result = getrusage(RUSAGE_SELF, &usage)
    #endif
    guard result == 0 else { return 0 }
    return [usage.ru_utime, usage.ru_stime].reduce(0) { sum, time in
      sum + Double(time.tv_sec) + Double(time.tv_usec) / 1e6
    }
  }

  private static func descriptorLimit() -> Double? {
    var limit = rlimit()
    #if canImport(Glibc)
      let result = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    #else
      let result = getrlimit(RLIMIT_NOFILE, &limit)
    #endif
    guard result == 0 else { return nil }
    return Double(limit.rlim_cur)
  }
}

/// The fields of `/proc/self/stat` that are exported (proc(5)).
struct ProcessStatus: Equatable {
  let threads: Double
  let startSeconds: Double
  let virtualBytes: Double
  let residentBytes: Double

  /// The units in which the kernel counts.
  struct Units {
    var ticksPerSecond: Double
    var pageBytes: Double
  }

  /// Nil if there is no `/proc`.
  static func read() -> ProcessStatus? {
    guard let stat = ProcessFiles.text(of: "/proc/self/stat"),
      let system = ProcessFiles.text(of: "/proc/stat")
    else { return nil }
    let units = Units(
      ticksPerSecond: Double(sysconf(Int32(_SC_CLK_TCK))),
      pageBytes: Double(sysconf(Int32(_SC_PAGESIZE))))
    return ProcessStatus(stat: stat, system: system, units: units)
  }

  /// Parses the texts of `/proc/self/stat` and `/proc/stat`.
  init?(stat: String, system: String, units: Units) {
    // The second field is the program's name in parentheses. The name may contain `)` and spaces,
    // so field 3 is what follows the last parenthesis.
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

/// Reads the files of the kernel.
enum ProcessFiles {
  /// How much of a file is read at most; `/proc/stat` has a line for each processor.
  private static let bytesMax = 1 << 20

  /// The text of a file; nil if it can't be read.
  static func text(of path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { _ = close(descriptor) }
    var text: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16 << 10)
    while text.count < bytesMax {
      let count = read(descriptor, &chunk, chunk.count)
      if count < 0 { return nil }
      if count == 0 { break }
      text.append(contentsOf: chunk[..<count])
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// How many descriptors are open; nil if the kernel does not say.
  static func openDescriptors() -> Int? {
    let path = "/proc/self/fd"
    // Since Linux 6.2 the size of the folder is the number of its entries, which saves listing
    // thousands of them.
    var status = stat()
    if stat(path, &status) == 0, status.st_size > 0 { return Int(status.st_size) }
    guard let folder = opendir(path) else { return nil }
    defer { closedir(folder) }
    var count = 0
    while readdir(folder) != nil { count += 1 }
    // Without `.`, `..` and the descriptor of the listing itself.
    return max(0, count - 3)
  }
}
