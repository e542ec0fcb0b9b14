/// Which target may know which: the arrows of the layout only point down.
enum Layers {
  /// The modules that come with the system and may be imported anywhere but in the domain.
  static let system: Set = [
    "Darwin", "Dispatch", "Foundation", "FoundationEssentials", "Glibc", "Synchronization",
  ]

  /// What each target may import besides the system's modules.
  static let allowed: [String: Set<String>] = [
    "CLinux": [],
    "COpenSSL": [],
    "CPostgres": [],
    "CRedis": [],
    "CRabbitMQ": [],
    "Basics": [],
    "KeyValueStore": [],
    "Observability": ["Basics", "Logging"],
    "EventLoop": ["Basics", "CLinux"],
    "HTTP": ["Basics", "EventLoop", "Logging"],
    "Embedded": [
      "Basics", "KeyValueStore", "Observability", "GRDB", "GRDBSQLite", "DequeModule",
    ],
    "Postgres": [
      "Basics", "CPostgres", "EventLoop", "KeyValueStore", "Observability", "Logging",
    ],
    "Redis": [
      "Basics", "CRedis", "EventLoop", "KeyValueStore", "Observability", "DequeModule", "Logging",
    ],
    "RabbitMQ": [
      "Basics", "CRabbitMQ", "KeyValueStore", "Observability", "DequeModule", "Logging",
    ],
    "Service": [
      "Basics", "EventLoop", "HTTP", "Observability", "ArgumentParser", "Logging",
      "ServiceLifecycle", "UnixSignals",
    ],
    "Cluster": [
      "Basics", "EventLoop", "HTTP", "KeyValueStore", "Observability", "Postgres", "RabbitMQ",
      "Redis", "Service", "Logging", "ServiceLifecycle",
    ],
    "KeyValueAPI": [
      "Basics", "COpenSSL", "Cluster", "Embedded", "EventLoop", "HTTP", "KeyValueStore",
      "Observability", "Postgres", "Service", "ArgumentParser", "Logging", "ServiceLifecycle",
      "UnixSignals",
    ],
    "KeyValueWorker": [
      "Basics", "Cluster", "EventLoop", "HTTP", "KeyValueStore", "Observability", "RabbitMQ",
      "Service", "ArgumentParser", "Logging", "ServiceLifecycle",
    ],
    "KeyValueAutoscaler": [
      "Basics", "EventLoop", "HTTP", "Observability", "Service", "ArgumentParser",
      "FoundationNetworking", "Logging", "ServiceLifecycle", "Subprocess", "System",
      "SystemPackage",
    ],
  ]

  /// The programs, and the module that holds what they have in common: their command line, which
  /// reads the environment and speaks to the terminal.
  static let programs: Set = ["KeyValueAPI", "KeyValueAutoscaler", "KeyValueWorker", "Service"]

  /// Where pointers and hand-made promises about threads may appear: the loop and the adapters.
  static let unsafe: Set = ["EventLoop", "Embedded", "Postgres", "Redis", "RabbitMQ"]

  static let imports = Rule { file in
    guard file.isSwift, let target = file.libraryOrExecutable else { return [] }
    guard let allowed = allowed[target] else {
      return [file.breach(line: 1, "\(target) has no place in Layers.allowed: give it one")]
    }
    // The domain is plain Swift: atomics and locks are all it takes from outside.
    let permitted = target == "KeyValueStore" ? ["Synchronization"] : allowed.union(system)
    return importedModules(of: file).compactMap { module, line in
      permitted.contains(module)
        ? nil : file.breach(line: line, "\(target) may not import \(module)")
    }
  }

  private static func importedModules(of file: SourceFile) -> [(module: String, line: Int)] {
    let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "func", "var", "typealias"]
    return file.tokens.indices.compactMap { index in
      guard file.tokens[index].text == "import" else { return nil }
      // `import struct Foundation.Data` names the kind first.
      let rest = file.tokens[(index + 1)...].drop { kinds.contains($0.text) }
      return rest.first.map { (String($0.text), $0.line) }
    }
  }

  static let environment = Rule.tokens(where: { file in
    file.libraryOrExecutable.map { !programs.contains($0) } ?? false
  }) { tokens in
    let names: Set<Substring> = ["getenv", "secure_getenv", "setenv", "environ", "ProcessInfo"]
    guard let word = tokens.first?.text, names.contains(word) else { return nil }
    return "only programs read the environment (\(word)): take a configuration instead"
  }

  static let pointers = Rule.tokens(where: { file in
    file.libraryOrExecutable.map { !unsafe.contains($0) } ?? false
  }) { tokens in
    guard let word = tokens.first?.text else { return nil }
    let words: Set<Substring> = ["OpaquePointer", "Unmanaged", "unsafeBitCast", "unchecked"]
    let isUnsafe =
      words.contains(word) || word.hasPrefix("Unsafe") || word.hasPrefix("withUnsafe")
      || tokens.starts(with: "nonisolated", "(", "unsafe")
    return isUnsafe ? "\(word) belongs in EventLoop or an adapter" : nil
  }

  static let prints = Rule.tokens(where: { file in
    file.libraryOrExecutable.map { !programs.contains($0) } ?? false
  }) { tokens in
    let words: Set<Substring> = ["print", "debugPrint", "dump", "NSLog"]
    guard let word = tokens.first?.text, words.contains(word), tokens.dropFirst().first?.text == "("
    else { return nil }
    return "a library does not write to the terminal: log, or return what there is to say"
  }
}
