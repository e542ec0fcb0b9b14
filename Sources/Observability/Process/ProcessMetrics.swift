#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// What every Prometheus client tells of its process, under the usual names.
///
/// CPU and descriptors come from POSIX; memory, threads and the start from Linux' `/proc`
/// (proc(5)), and are left out where there is none.
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

  /// All of them, in the order in which they are read.
  public static let catalogue = [
    cpuSeconds, residentBytes, virtualBytes, openDescriptors, descriptorsMax, startSeconds, threads,
  ]

  /// Reads them now. A few system calls and short reads from `/proc`: about 50 µs.
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
