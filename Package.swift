// swift-tools-version: 6.2
import PackageDescription

/// Every target is held to the same rules: Swift 6, no warnings, imports that do not leak.
let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  // An async function runs where its caller runs: state stays on the event loop that owns it.
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let log = Target.Dependency.product(name: "Logging", package: "swift-log")
let signals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let lifecycle = Target.Dependency.product(
  name: "ServiceLifecycle", package: "swift-service-lifecycle")
let collections = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let heap = Target.Dependency.product(name: "HeapModule", package: "swift-collections")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
// Where the system has no System of its own.
let system = Target.Dependency.product(
  name: "SystemPackage", package: "swift-system", condition: .when(platforms: [.linux]))
let sqlite = Target.Dependency.product(name: "GRDBSQLite", package: "GRDB.swift")
let httpClient = Target.Dependency.product(
  name: "AsyncHTTPClient", package: "async-http-client")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioHTTP = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")

let package = Package(
  name: "key-value-store",
  platforms: [.macOS(.v26)],
  products: [
    .executable(name: "kv-api", targets: ["KeyValueAPI"]),
    .executable(name: "kv-worker", targets: ["KeyValueWorker"]),
    .executable(name: "kv-autoscaler", targets: ["KeyValueAutoscaler"]),
    .executable(name: "kv", targets: ["KeyValueCommand"]),
  ],
  // Exactly these: a build of a release can be repeated. `make sbom` lists what they bring along.
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
    .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
    .package(url: "https://github.com/apple/swift-system", exact: "1.8.1"),
    .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
    .package(url: "https://github.com/swift-server/async-http-client", exact: "1.37.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", exact: "1.0.2", traits: []),
  ],
  targets: [
    .target(name: "CLinux"),
    .systemLibrary(
      name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
    // Without pkgConfig: hiredis' flags draw a warning from every build.
    .systemLibrary(name: "CRedis", providers: [.apt(["libhiredis-dev"])]),
    .systemLibrary(
      name: "CRabbitMQ", pkgConfig: "librabbitmq", providers: [.apt(["librabbitmq-dev"])]),

    .target(name: "Basics", swiftSettings: settings),
    .target(name: "KeyValueStore", swiftSettings: settings),
    .target(name: "Observability", dependencies: ["Basics", log], swiftSettings: settings),
    .target(
      name: "EventLoop",
      dependencies: ["Basics", .target(name: "CLinux", condition: .when(platforms: [.linux]))],
      swiftSettings: settings),
    .target(name: "HTTP", dependencies: ["Basics", "EventLoop", log], swiftSettings: settings),
    .target(
      name: "Telemetry",
      dependencies: ["Basics", "EventLoop", "KeyValueStore", "Observability", collections, log],
      swiftSettings: settings),
    .target(
      name: "Embedded",
      dependencies: ["Basics", "KeyValueStore", "Observability", grdb, sqlite, collections],
      swiftSettings: settings),
    .target(
      name: "Postgres",
      dependencies: ["Basics", "CPostgres", "EventLoop", "KeyValueStore", "Observability", log],
      swiftSettings: settings),
    .target(
      name: "Redis",
      dependencies: [
        "Basics", "CRedis", "EventLoop", "KeyValueStore", "Observability", collections, log,
      ],
      swiftSettings: settings),
    .target(
      name: "RabbitMQ",
      dependencies: [
        "Basics", "CRabbitMQ", "KeyValueStore", "Observability", collections, heap, log,
      ],
      swiftSettings: settings),
    .target(
      name: "Service",
      dependencies: [
        "Basics", "EventLoop", "HTTP", "Observability", arguments, lifecycle, log, signals,
      ],
      swiftSettings: settings),
    .target(
      name: "Cluster",
      dependencies: [
        "Basics", "EventLoop", "HTTP", "KeyValueStore", "Observability", "Postgres", "RabbitMQ",
        "Redis", "Service", "Telemetry", lifecycle, log,
      ],
      swiftSettings: settings),
    .executableTarget(
      name: "KeyValueAPI",
      dependencies: [
        "Basics", "COpenSSL", "Cluster", "Embedded", "EventLoop", "HTTP", "KeyValueStore",
        "Observability", "Postgres", "Service", "Telemetry", arguments, collections, lifecycle, log,
        signals,
      ],
      resources: [
        .embedInCode("OpenAPI/openapi.json"), .embedInCode("Console"), .embedInCode("Docs"),
      ],
      swiftSettings: settings,
      // The toolchain's own linker: the system's warns of a function in Foundation that nobody
      // calls.
      linkerSettings: [.unsafeFlags(["-use-ld=lld"], .when(platforms: [.linux]))]),

    .executableTarget(
      name: "KeyValueWorker",
      dependencies: [
        "Basics", "Cluster", "EventLoop", "HTTP", "KeyValueStore", "Observability", "RabbitMQ",
        "Service", "Telemetry", arguments, lifecycle, log,
      ],
      swiftSettings: settings,
      linkerSettings: [.unsafeFlags(["-use-ld=lld"], .when(platforms: [.linux]))]),

    .executableTarget(
      name: "KeyValueAutoscaler",
      dependencies: [
        "Basics", "EventLoop", "HTTP", "Observability", "Service", arguments, lifecycle, log,
        subprocess, system,
      ],
      swiftSettings: settings,
      linkerSettings: [.unsafeFlags(["-use-ld=lld"], .when(platforms: [.linux]))]),

    .target(
      name: "KeyValueClient",
      dependencies: ["Basics", httpClient, nioCore, nioHTTP, nioPosix, nioSSL],
      swiftSettings: settings),
    .executableTarget(
      name: "KeyValueCommand",
      dependencies: ["Basics", "KeyValueClient", arguments, subprocess, system],
      swiftSettings: settings,
      linkerSettings: [.unsafeFlags(["-use-ld=lld"], .when(platforms: [.linux]))]),

    .testTarget(
      name: "BasicsTests", dependencies: ["Basics", "TestSupport"], swiftSettings: settings),
    .testTarget(
      name: "EventLoopTests", dependencies: ["Basics", "EventLoop"], swiftSettings: settings),
    .testTarget(
      name: "HTTPTests", dependencies: ["Basics", "HTTP", "TestSupport"], swiftSettings: settings),
    .testTarget(
      name: "HTTPServerTests", dependencies: ["EventLoop", "HTTP", log], swiftSettings: settings),
    .testTarget(
      name: "KeyValueStoreTests",
      dependencies: ["Basics", "KeyValueStore", "Simulation", "StoreContracts", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "ObservabilityTests", dependencies: ["Basics", "Observability", "TestSupport", log],
      swiftSettings: settings),
    .testTarget(
      name: "TelemetryTests",
      dependencies: [
        "Basics", "EventLoop", "HTTP", "KeyValueStore", "Observability", "Telemetry", "TestSupport",
        log,
      ],
      swiftSettings: settings),
    .testTarget(
      name: "ServiceTests", dependencies: ["Service", lifecycle, log], swiftSettings: settings),
    .testTarget(
      name: "KeyValueAPITests",
      dependencies: [
        "Basics", "Cluster", "Embedded", "EventLoop", "HTTP", "KeyValueAPI", "KeyValueStore",
        "Observability", "Service", "Telemetry", "TestSupport", arguments, log,
      ],
      swiftSettings: settings),
    .testTarget(
      name: "KeyValueClientTests",
      dependencies: ["Basics", "KeyValueClient", "TestSupport", nioCore, nioPosix],
      swiftSettings: settings),
    .testTarget(
      name: "KeyValueCommandTests",
      dependencies: ["KeyValueClient", "KeyValueCommand", arguments], swiftSettings: settings),
    .testTarget(
      name: "SetupTests",
      dependencies: ["KeyValueAPI", "KeyValueAutoscaler", "KeyValueWorker", "Service"],
      swiftSettings: settings),
    .testTarget(
      name: "KeyValueAutoscalerTests",
      dependencies: [
        "EventLoop", "HTTP", "KeyValueAutoscaler", "Observability", "Service", "TestServices",
        arguments, log,
      ],
      swiftSettings: settings),
    .testTarget(name: "TidyTests", swiftSettings: settings),
    .testTarget(
      name: "EndToEndTests", dependencies: ["KeyValueAPI", "TestSupport"], swiftSettings: settings),

    .executableTarget(
      name: "embedded-benchmark",
      dependencies: ["Basics", "Embedded", "KeyValueStore", "Observability"],
      path: "Benchmarks/embedded", swiftSettings: settings),
    .executableTarget(
      name: "cache-benchmark",
      dependencies: ["Basics", "EventLoop", "KeyValueStore", "Observability", "Redis", log],
      path: "Benchmarks/cache", swiftSettings: settings),
    .target(
      name: "StoreContracts", dependencies: ["KeyValueStore", "TestSupport"],
      path: "Tests/StoreContracts",
      swiftSettings: settings),
    .target(
      name: "Simulation", dependencies: ["KeyValueStore", "TestSupport"], path: "Tests/Simulation",
      swiftSettings: settings),
    .executableTarget(
      name: "simulate", dependencies: ["Simulation"], path: "Tests/Simulate",
      swiftSettings: settings),
    .testTarget(
      name: "SimulationTests", dependencies: ["KeyValueStore", "Simulation", "StoreContracts"],
      swiftSettings: settings),
    .target(name: "TestServices", path: "Tests/TestServices", swiftSettings: settings),
    .target(
      name: "TestSupport", dependencies: ["KeyValueStore"], path: "Tests/TestSupport",
      swiftSettings: settings),
    .testTarget(
      name: "PostgresTests",
      dependencies: [
        "Basics", "CPostgres", "EventLoop", "KeyValueStore", "Observability", "Postgres",
        "StoreContracts", "TestServices", "TestSupport", log,
      ],
      swiftSettings: settings),
    .testTarget(
      name: "RedisTests",
      dependencies: [
        "Basics", "CRedis", "EventLoop", "KeyValueStore", "Observability", "Redis",
        "StoreContracts", "TestServices", "TestSupport", log,
      ],
      swiftSettings: settings),
    .testTarget(
      name: "RabbitMQTests",
      dependencies: [
        "Basics", "CRabbitMQ", "Embedded", "KeyValueStore", "Observability", "RabbitMQ",
        "StoreContracts", "TestServices", "TestSupport", log,
      ],
      swiftSettings: settings),
    .testTarget(
      name: "EmbeddedTests",
      dependencies: [
        "Basics", "Embedded", "KeyValueStore", "Observability", "StoreContracts", "TestSupport",
        grdb, sqlite,
      ],
      swiftSettings: settings),
  ]
)
