import RabbitMQ
import ServiceLifecycle

/// Takes messages from the queue and has them applied, batch after batch.
struct ApplyService: Service {
  let executor: any TaskExecutor
  let makeApplier: @Sendable () -> Applier
  let consumer: RabbitMQConsumer

  /// Applies until the process is told to leave. The batch in progress is finished, unless the
  /// database is away: then the broker delivers it to another worker.
  func run() async throws {
    await cancelWhenGracefulShutdown {
      await withTaskExecutorPreference(executor) {
        let applier = makeApplier()
        while !Task.isCancelled {
          await applier.apply(await consumer.next())
        }
      }
    }
  }
}
