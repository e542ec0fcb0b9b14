internal import Basics

/// How to reach a server.
package struct ClientConfiguration: Sendable {
  package var address: ServerAddress
  /// A secret; nil: none is sent.
  package var token: String?
  /// Certificates of an address that is `https`.
  package var trust: TrustedCertificates?
  /// An answer is given up after this time without a byte. The server sends a comment every 15 s
  /// into a stream of events: one that is silent for longer is dead. Default: 45 s.
  package var silenceMax = Duration.seconds(45)
  /// How long a request may take, with all its repetitions. Default: a minute.
  package var timeout = Duration.seconds(60)
  /// How often a request is sent again. Default: 4.
  package var repetitionsMax = 4

  package init(address: ServerAddress) { self.address = address }
}

/// A client of the API: sends requests one after the other on a kept connection, and repeats what
/// is safe to repeat.
///
/// Not `Sendable`: one task uses it.
package final class StoreClient {
  private let configuration: ClientConfiguration
  private let connection: ServerConnection
  private var random = SystemRandomNumberGenerator()

  /// Connects at the first request.
  package init(_ configuration: ClientConfiguration) {
    self.configuration = configuration
    connection = ServerConnection(configuration)
  }

  /// A single attempt may not take longer: a server that hangs leaves time for another. The server
  /// itself takes up to 10 s for a read, and longer to find out what became of a write.
  private static let readTime = Duration.seconds(12)
  private static let writeTime = Duration.seconds(40)

  /// Sends a request until it has an answer that stands. An answer of 400 or more is thrown.
  /// - Parameter timeout: how long that may take; nil: as configured.
  package func send(
    _ request: ClientRequest, within timeout: Duration? = nil
  ) async throws(ClientError) -> Answer {
    let request = complete(request)
    let changesNothing = request.method == "GET" || request.method == "HEAD"
    let deadline = MonotonicTime.now().adding(timeout ?? configuration.timeout)
    let share = changesNothing ? Self.readTime : Self.writeTime
    var policy = RetryPolicy(repetitionsMax: configuration.repetitionsMax)
    while true {
      let outcome = await attempt(request, until: min(deadline, MonotonicTime.now().adding(share)))
      if case .failure(.final(let error)) = outcome { throw error }
      let left = MonotonicTime.now().duration(to: deadline)
      let verdict = policy.verdict(
        on: RetryPolicy.Attempt(outcome), request.repetition, left: left, using: &random)
      if case .retry(let pause) = verdict {
        // A task that is cancelled does not wait.
        try? await Task.sleep(for: pause)
        continue
      }
      return try final(outcome, isUnknown: policy.mayHaveTakenEffect && !changesNothing)
    }
  }

  private func final(
    _ outcome: Result<Answer, ExchangeError>, isUnknown: Bool
  ) throws(ClientError) -> Answer {
    switch outcome {
    case .success(let answer) where answer.status < 400: return answer
    case .success(let answer):
      let problem = Problem(answer)
      if isUnknown, problem.name != "outcome-unknown" { throw .outcomeUnknown(problem.text) }
      throw .refused(problem)
    case .failure(let error):
      let failure = error.clientError
      if isUnknown, case .unavailable(let text) = failure { throw .outcomeUnknown(text) }
      throw failure
    }
  }

  private func attempt(
    _ request: ClientRequest, until deadline: MonotonicTime
  ) async -> Result<Answer, ExchangeError> {
    do throws(ExchangeError) {
      return .success(try await connection.send(request, until: deadline))
    } catch {
      return .failure(error)
    }
  }

  /// Passes on the body of an answer as it arrives, until it ends or `receive` returns false. An
  /// answer of 400 or more is thrown.
  package func stream(
    _ request: ClientRequest, _ receive: ([UInt8]) async throws(ClientError) -> Bool
  ) async throws(ClientError) {
    try await connection.stream(complete(request), receive)
  }

  private func complete(_ request: ClientRequest) -> ClientRequest {
    var request = request
    request.set("User-Agent", "kv/\(Release.version)")
    if let token = configuration.token { request.set("Authorization", "Bearer \(token)") }
    return request
  }
}

extension RetryPolicy.Attempt {
  init(_ outcome: Result<Answer, ExchangeError>) {
    switch outcome {
    case .success(let answer):
      self = .answered(
        status: answer.status, problem: answer.status < 400 ? nil : Problem(answer).name,
        retryAfter: answer.head["retry-after"].flatMap { Int64($0) }.map { .seconds($0) })
    case .failure(.notSent): self = .notSent
    case .failure: self = .lost
    }
  }
}
