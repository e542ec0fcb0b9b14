/// Places that a rule would name, each with the reason why it stays.
enum Exceptions {
  /// Source files of fewer than 20 lines, and why each stands alone.
  static let shortFiles: [String: String] = [
    // Embedded
    "Sources/Embedded/Cache/HashedKey.swift": unmerged,
    "Sources/Embedded/Database/Job.swift": unmerged,
    "Sources/Embedded/Database/ReadSession.swift": unmerged,
    "Sources/Embedded/Database/TransactionFailure.swift": unmerged,
    "Sources/Embedded/SystemTime.swift": unmerged,
    // KeyValueAPI
    "Sources/KeyValueAPI/Authentication/Scope.swift": unmerged,
    "Sources/KeyValueAPI/Handlers/APISurroundings.swift": unmerged,
    "Sources/KeyValueAPI/Handlers/Call.swift": unmerged,
    "Sources/KeyValueAPI/Handlers/Digest.swift": unmerged,
    // KeyValueAutoscaler
    "Sources/KeyValueAutoscaler/Acting/CommandPreset.swift": unmerged,
    "Sources/KeyValueAutoscaler/Acting/CommandTemplateError.swift": unmerged,
    "Sources/KeyValueAutoscaler/Policy/ScalingMetric.swift": unmerged,
    "Sources/KeyValueAutoscaler/Policy/ScalingObservation.swift": unmerged,
    "Sources/KeyValueAutoscaler/Prometheus/PrometheusTarget.swift": unmerged,
    "Sources/KeyValueAutoscaler/Watching/ScaledService.swift": unmerged,
    // KeyValueStore
    "Sources/KeyValueStore/Model/AppliedWrite.swift": unmerged,
    "Sources/KeyValueStore/Model/Attempt.swift": unmerged,
    "Sources/KeyValueStore/Model/BatchOutcome.swift": unmerged,
    "Sources/KeyValueStore/Model/BatchReceipt.swift": unmerged,
    "Sources/KeyValueStore/Model/CacheAnswer.swift": unmerged,
    "Sources/KeyValueStore/Model/Entry.swift": unmerged,
    "Sources/KeyValueStore/Model/FeedEvent.swift": unmerged,
    "Sources/KeyValueStore/Model/IdempotencyKey.swift": unmerged,
    "Sources/KeyValueStore/Model/OperationOwner.swift": unmerged,
    "Sources/KeyValueStore/Model/QueueReceipt.swift": unmerged,
    "Sources/KeyValueStore/Model/WriteReceipt.swift": unmerged,
    "Sources/KeyValueStore/Ports/WriteQueue.swift": unmerged,
    "Sources/KeyValueStore/Store/PendingWrite.swift": unmerged,
    "Sources/KeyValueStore/Store/PurgeReport.swift": unmerged,
    "Sources/KeyValueStore/Store/ReadTurn.swift": unmerged,
    "Sources/KeyValueStore/Store/RelayReport.swift": unmerged,
    "Sources/KeyValueStore/Store/Submission.swift": unmerged,
    "Sources/KeyValueStore/Store/WriteTurn.swift": unmerged,
    // KeyValueWorker
    "Sources/KeyValueWorker/Applying/Backoff.swift": unmerged,
    // Node
    "Sources/Node/Serving/MetricsResponse.swift": unmerged,
    "Sources/Node/Serving/OperatorRoute.swift": unmerged,
    "Sources/Node/Serving/ProblemResponse.swift": unmerged,
    // Postgres
    "Sources/Postgres/Connection/Text.swift": unmerged,
    "Sources/Postgres/PostgresCounters.swift": unmerged,
    // RabbitMQ
    "Sources/RabbitMQ/Connection/Backoff.swift": unmerged,
    "Sources/RabbitMQ/Connection/Method.swift": unmerged,
    "Sources/RabbitMQ/Consumer/QueueDepth.swift": unmerged,
    // Redis
    "Sources/Redis/Entries/StoredState.swift": unmerged,
    "Sources/Redis/Master/MasterView.swift": unmerged,
    "Sources/Redis/Master/SentinelFailure.swift": unmerged,
  ]

  private static let unmerged = "It is not yet together with what it serves."

  /// Files with a type that Basics has, too.
  static let secondBasics: Set<String> = [
    "Sources/KeyValueWorker/Applying/Backoff.swift", "Sources/Postgres/Pool/Backoff.swift",
    "Sources/RabbitMQ/Connection/Backoff.swift", "Sources/Redis/Cache/Backoff.swift",
  ]
}
