/// What a handler needs of its process, beside the store. Called on the loop.
struct APISurroundings {
  /// The body of `/metrics`, in Prometheus' text format 0.0.4.
  var metricsText: () async -> [UInt8]
  /// Whether it is for programs of this machine alone, and lets all of them do everything.
  var isLocalOnly: Bool
  /// Whether the process is on its way out: `/health/ready` says no then.
  var isDraining: () -> Bool
  /// Whether answers take so much memory that no more should be made.
  var isCrowded: () -> Bool
  /// Takes room for an answer of so many bytes before it is made; false: there is none.
  var takeRoom: (Int) -> Bool
  /// Gives room back that no answer came of.
  var returnRoom: (Int) -> Void
  /// Waits on the loop, between two looks at an operation that a client waits for.
  var pause: (Duration) async -> Void
}
