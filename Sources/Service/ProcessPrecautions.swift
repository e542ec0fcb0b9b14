#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// What a process asks of the operating system at its start, so that nothing ends it by accident
/// and nothing of its memory is left behind.
package enum ProcessPrecautions {
  /// Lets no connection or pipe that was closed at its other end stop the process.
  ///
  /// A write to such a one raises SIGPIPE, which ends a process that does not expect it. The
  /// sockets of `EventLoop` prevent that with MSG_NOSIGNAL, but hiredis sends without it, OpenSSL
  /// writes for libpq and librabbitmq with write(2), and so does the log: a Redis that is
  /// restarted, or a log whose reader has ended, would take the process with it. Once the signal
  /// is ignored, each of these calls fails with EPIPE, which all callers treat as a lost
  /// connection.
  ///
  /// An ignored signal stays ignored in a program that is started (execve(2)); the commands of
  /// kv-autoscaler are started by Subprocess, which resets all signals.
  package static func ignoreBrokenPipes() { _ = signal(SIGPIPE, SIG_IGN) }

  /// Lets the process leave no core dump: that would hold its passwords, and the values of clients.
  ///
  /// The hard limit is lowered as well, so that nothing raises it again. Not by PR_SET_DUMPABLE:
  /// the operator's tools could then no longer see the descriptors and sockets of a process that
  /// runs as their own user.
  package static func forbidCoreDumps() {
    var limit = rlimit(rlim_cur: coreBytes, rlim_max: coreBytes)
    // Lowering a limit is always permitted (setrlimit(2)).
    _ = setrlimit(resource, &limit)
  }

  #if canImport(Glibc)
    private static let resource = __rlimit_resource_t(RLIMIT_CORE.rawValue)
    /// Not 0: Linux then still passes dumps to a program that /proc/sys/kernel/core_pattern names
    /// ("the RLIMIT_CORE limit is not enforced for core dumps that are piped to a program",
    /// core(5)). With 1 it does not (`do_coredump` in fs/coredump.c), nor does a dump fit into it.
    private static let coreBytes: rlim_t = 1
  #else
    private static let resource = RLIMIT_CORE
    private static let coreBytes: rlim_t = 0
  #endif
}
