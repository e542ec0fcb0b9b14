/// How many cores a process may use: those of the machine, or fewer if its control group has a
/// quota (Linux, cgroup v2: `cpu.max`), as that of a container may.
package enum ProcessorQuota {
  /// Reads a file; nil if it can't be read.
  package typealias FileReader = (String) -> String?

  private static let mountPoint = "/sys/fs/cgroup"

  /// The cores that the process may use, at least 1: a quota of one and a half counts as two.
  /// - Parameter cores: those that the machine lets it run on.
  package static func cores(of cores: Int, readFile: FileReader) -> Int {
    let quotas = groups(readFile("/proc/self/cgroup") ?? "").compactMap { group in
      readFile("\(mountPoint)\(group)/cpu.max").flatMap { quota($0) }
    }
    return max(1, quotas.reduce(cores, min))
  }

  /// The process's group and all groups that contain it, as paths below the mount point; the last
  /// is the mount point itself.
  ///
  /// The quota of each applies. A container may see only a part of the groups: if the mount point
  /// is its own group, the path in `/proc` does not exist there, and the quota is at the top.
  private static func groups(_ text: String) -> [String] {
    // cgroups(7): "hierarchy-ID:controller-list:cgroup-path", for version 2 "0::path".
    let path = text.split(whereSeparator: \.isNewline).first { $0.hasPrefix("0::/") }?.dropFirst(3)
    var names = path?.split(separator: "/") ?? []
    if names.contains("..") { names = [] }
    return (0...names.count).reversed().map { count in
      names.prefix(count).map { "/\($0)" }.joined()
    }
  }

  /// Cores of `$QUOTA $PERIOD` in µs, rounded up; nil: `max`, or something else.
  private static func quota(_ text: String) -> Int? {
    let words = text.split(whereSeparator: \.isWhitespace)
    guard words.count == 2, let quota = Int(words[0]), let period = Int(words[1]), quota > 0,
      period > 0
    else { return nil }
    let (cores, rest) = quota.quotientAndRemainder(dividingBy: period)
    return rest > 0 ? cores + 1 : cores
  }
}
