import Basics
import Dispatch
import Logging
import Observability
import Synchronization

/// What a process does with a connection to RabbitMQ. `BrokerThread` calls it.
///
/// The job keeps its state behind a lock, and answers callers after it has released the lock.
protocol BrokerJob: Sendable {
  /// Whether the job needs a connection now. Called on the thread.
  var isWanted: Bool { get }

  /// Opens what the job needs on a new connection. Called on the thread; may block.
  func prepare(_ connection: BrokerConnection) throws(BrokerFailure)

  /// Reads and writes what there is, and says what the thread does next. Called on the thread.
  func serve(_ connection: BrokerConnection) throws(BrokerFailure) -> BrokerThread.Next

  /// The connection is lost, or none could be made. Called on the thread.
  func lost(_ cause: String)

  /// Answers the callers whose deadline has passed. Called every 100 ms, on another thread.
  func expire(at now: ContinuousClock.Instant)

  /// Why the connection must be given up although it lives; nil: it works. Called every 100 ms
  /// while there is a connection, on another thread.
  func stall(at now: ContinuousClock.Instant) -> String?

  /// The process ends: the job accepts nothing more and finishes what it has.
  func end(at now: ContinuousClock.Instant)
}

extension BrokerJob {
  var isWanted: Bool { true }
  func expire(at now: ContinuousClock.Instant) {}
  func stall(at now: ContinuousClock.Instant) -> String? { nil }
}

/// Runs a job on a connection to RabbitMQ, on a thread of its own: librabbitmq blocks, and is not
/// thread-safe. Connects to another broker when a connection is lost, or given up because nothing
/// moves on it.
final class BrokerThread: Sendable {
  /// What the thread does after a round of `BrokerJob.serve`.
  enum Next {
    /// Serves again at once.
    case again
    /// Waits for the broker, for `wake`, for room to send if `toSend`, or until the time is over
    /// (nil: for as long as heartbeats allow).
    case wait(for: Duration?, toSend: Bool = false)
    /// Waits for `wake`, and leaves what the broker sends in the socket.
    case waitWithoutReading
    /// Closes the connection: the job needs it no longer.
    case close
    /// As `close`, but without waiting for the broker's answer: it would come after everything that
    /// was not read.
    case drop
  }

  private struct Link {
    var isConnected = false
    /// Why the connection is being given up although it lives.
    var stall: String?
    var endingSince: ContinuousClock.Instant?
  }

  let founding: QueueFounding
  fileprivate let name: String
  fileprivate let addresses: [BrokerAddress]
  fileprivate let configuration: RabbitMQConfiguration
  fileprivate let logger: Logger
  fileprivate let interrupt = SocketInterrupt()
  private let stalls: Counter?
  private let grace: Duration
  private let wakeup = Wakeup()
  private let link = Mutex(Link())

  /// How often callers' deadlines and the progress of the connection are checked.
  private static let checkInterval = DispatchTimeInterval.milliseconds(100)

  /// - Parameters:
  ///   - name: what operators see of the connection at the broker and in the log, after `kv `.
  ///   - grace: how long the job may take to finish when it is asked to stop.
  ///   - stalls: counts the connections that are given up because nothing moves on them.
  init(
    _ name: String, configuration: RabbitMQConfiguration, grace: Duration = .zero,
    stalls: Counter? = nil, logger: Logger
  ) throws(BrokerAddressError) {
    self.name = name
    self.configuration = configuration
    self.grace = grace
    self.stalls = stalls
    self.logger = logger
    addresses = try configuration.addresses()
    founding = QueueFounding(configuration, addresses: addresses, logger: logger)
  }

  /// Works until its task is cancelled, and then for as long as the job needs to finish: at most
  /// `grace` and 2 s. Once only.
  func run(_ job: some BrokerJob) async {
    let thread = ConnectionThread("amqp-\(name)") { self.work(on: job) }
    // Not on the thread, which the C library may block for longer than a caller may wait.
    let timer = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "amqp-\(name)"))
    timer.setEventHandler { self.check(job, thread) }
    timer.schedule(
      deadline: .now() + BrokerThread.checkInterval, repeating: BrokerThread.checkInterval,
      leeway: .milliseconds(20))
    timer.resume()
    await withTaskCancellationHandler {
      await thread.ended()
    } onCancel: {
      let now = ContinuousClock.now
      job.end(at: now)
      link.withLock { $0.endingSince = now }
      wake()
    }
    timer.cancel()
  }

  /// Ends the thread's present wait, or else its next one.
  func wake() { wakeup.signal() }

  /// Whether the job was told to end.
  var isEnding: Bool { link.withLock { $0.endingSince != nil } }

  // MARK: The timer

  private func check(_ job: some BrokerJob, _ thread: ConnectionThread) {
    let now = ContinuousClock.now
    job.expire(at: now)
    let endingSince = link.withLock { link in
      // The lock is held while the job is asked, so that its answer is about this connection.
      if link.isConnected, link.stall == nil, let stall = job.stall(at: now) {
        link.stall = stall
        stalls?.add()
        interrupt.interrupt()
      }
      return link.endingSince
    }
    // A broker that hangs must not keep the process alive.
    guard let endingSince else { return }
    let late = now - endingSince - grace
    if late > .seconds(1) { interrupt.interrupt() }
    // The thread looks up a name, or waits for a broker that neither accepts nor refuses it.
    if late > .seconds(2) { thread.giveUp() }
  }

  // MARK: The thread

  private func work(on job: some BrokerJob) {
    var dialer = BrokerDialer(self)
    while !isEnding {
      guard job.isWanted else {
        wakeup.wait(for: nil)
        continue
      }
      guard let connection = dialer.connect(for: job) else { continue }
      link.withLock { $0.isConnected = true }
      do throws(BrokerFailure) {
        let isClosing = try serve(job, connection)
        _ = disconnected()
        if isClosing { connection.close() }
      } catch {
        let failure = disconnected().map { BrokerFailure($0) } ?? error
        job.lost(failure.cause)
        dialer.lost(connection, failure)
      }
    }
  }

  /// Returns when the job needs the connection no longer. True: close it and wait for the answer.
  private func serve(
    _ job: some BrokerJob, _ connection: BrokerConnection
  ) throws(BrokerFailure) -> Bool {
    while true {
      switch try job.serve(connection) {
      case .again: continue
      case .wait(let duration, let toSend): connection.wait(wakeup, for: duration, toSend: toSend)
      case .waitWithoutReading: try connection.waitWithoutReading(wakeup)
      case .close: return true
      case .drop: return false
      }
    }
  }

  /// Why the connection was given up, if it was.
  private func disconnected() -> String? {
    link.withLock { link in
      defer { link.stall = nil }
      link.isConnected = false
      return link.stall
    }
  }

  /// Waits until the time is over, or until no connection is needed any more.
  fileprivate func pause(for duration: Duration, _ job: some BrokerJob) {
    let end = ContinuousClock.now + duration
    while needsConnection(for: job), case let left = end - .now, left > .zero {
      wakeup.wait(for: left)
    }
  }

  fileprivate func needsConnection(for job: some BrokerJob) -> Bool { !isEnding && job.isWanted }
}

/// Finds a broker for a thread, and another one when that is lost.
///
/// Not Sendable: belongs to the thread.
private struct BrokerDialer {
  private let thread: BrokerThread
  private var backoff = Backoff(first: .milliseconds(100), longest: longestPause)
  private var connectedAt: ContinuousClock.Instant?
  private var pause: Duration?
  /// The last failure in the log: a broker that stays away is reported once.
  private var reported: String?

  private static let longestPause = Duration.seconds(5)

  init(_ thread: BrokerThread) { self.thread = thread }

  /// Tries all brokers in random order, with a pause after each round, until one accepts the
  /// connection and the job is prepared. Nil: no connection is needed any more. Blocks.
  mutating func connect(for job: some BrokerJob) -> BrokerConnection? {
    while true {
      if let pause { thread.pause(for: pause, job) }
      for address in thread.addresses.shuffled() {
        guard thread.needsConnection(for: job) else { return nil }
        do throws(BrokerFailure) {
          let connection = try BrokerConnection(
            to: address, as: "kv \(thread.name)", configuration: thread.configuration,
            interrupt: thread.interrupt)
          try job.prepare(connection)
          connectedAt = .now
          pause = nil
          reported = nil
          thread.logger.notice("connected to RabbitMQ", metadata: metadata(address))
          return connection
        } catch {
          report(error, at: address)
          job.lost(error.cause)
        }
      }
      pause = backoff.next()
    }
  }

  /// Logs why a connection is over. Another one is tried at once, unless this one ended soon after
  /// it was made.
  mutating func lost(_ connection: BrokerConnection, _ failure: BrokerFailure) {
    var metadata = metadata(connection.address)
    metadata["cause"] = "\(failure.cause)"
    thread.logger.warning("lost the connection to RabbitMQ", metadata: metadata)
    if let connectedAt, ContinuousClock.now - connectedAt > BrokerDialer.longestPause {
      backoff.reset()
    }
    pause = backoff.next()
  }

  private mutating func report(_ failure: BrokerFailure, at address: BrokerAddress) {
    let text = "\(address.name): \(failure.cause)"
    if reported == text { return }
    reported = text
    var metadata = metadata(address)
    metadata["cause"] = "\(failure.cause)"
    thread.logger.warning("could not connect to RabbitMQ", metadata: metadata)
  }

  private func metadata(_ address: BrokerAddress) -> Logger.Metadata {
    ["broker": "\(address.name)", "connection": "kv \(thread.name)"]
  }
}

/// How long nothing may move on a connection before it is given up: longer each time that a new
/// connection has not helped, so that a broker which is merely slow gets the time it needs.
struct Patience {
  private let first: Duration
  /// The limit now.
  private(set) var current: Duration

  /// The longest limit, unless the first is longer.
  static let longest = Duration.seconds(60)

  init(_ first: Duration) {
    self.first = first
    current = first
  }

  /// A connection was given up.
  mutating func wasLost() { current = max(first, min(current * 2, Patience.longest)) }

  /// Something moved.
  mutating func moved() { current = first }
}
