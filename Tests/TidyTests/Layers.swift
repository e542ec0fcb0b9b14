/// Which module may import which. The arrows themselves are written in Package.swift only.
enum Layers {
  /// The modules of `Sources`, from bottom to top. A module depends on modules of lower rows only.
  static let rows: [Set<String>] = [
    ["Basics", "CLinux", "COpenSSL", "CPostgres", "CRabbitMQ", "CRedis", "KeyValueStore"],
    ["EventLoop", "KeyValueClient", "Observability"],
    ["Embedded", "HTTP", "Postgres", "RabbitMQ", "Redis", "Telemetry"],
    ["Service"],
    ["Cluster"],
    ["KeyValueAPI", "KeyValueAutoscaler", "KeyValueCommand", "KeyValueWorker"],
  ]

  /// The modules of the system and of Foundation, which any module but the domain may import.
  static let system: Set = [
    "Darwin", "Dispatch", "Foundation", "FoundationEssentials", "FoundationNetworking", "Glibc",
    "Synchronization", "System",
  ]

  /// The programs, and the module with their command line: it reads the environment and writes to
  /// the terminal.
  static let programs: Set = [
    "KeyValueAPI", "KeyValueAutoscaler", "KeyValueCommand", "KeyValueWorker", "Service",
  ]

  /// Where pointers and promises that the compiler can't check may be: the loop and the adapters.
  static let unsafe: Set = ["EventLoop", "Embedded", "Postgres", "Redis", "RabbitMQ"]

  /// Every arrow of Package.swift points down.
  static let arrows = Rule { file in
    guard file.path == "Package.swift" else { return [] }
    let heights = Dictionary(
      uniqueKeysWithValues: rows.enumerated().flatMap { row in row.element.map { ($0, row.offset) }
      })
    return PackageTargets(file).targets.flatMap { target, dependencies -> [Breach] in
      // Tests and benchmarks are above all rows.
      guard let height = heights[target] else { return [] }
      return dependencies.compactMap { dependency in
        guard let other = heights[dependency.name], other >= height else { return nil }
        return file.breach(
          line: dependency.line, "\(target) may not depend on \(dependency.name): see Layers.rows")
      }
    }
  }

  /// A file imports what Package.swift gives its target, and the system's modules.
  static func imports(_ package: PackageTargets) -> Rule {
    Rule { file in
      guard file.isSwift, let module = file.module else { return [] }
      guard rows.contains(where: { $0.contains(module) }), let target = package.targets[module]
      else {
        return [file.breach(line: 1, "\(module) has no place in Package.swift and Layers.rows")]
      }
      // The domain is plain Swift. From the system it needs only atomics and locks.
      let system = module == "KeyValueStore" ? ["Synchronization"] : system
      let permitted = system.union(target.map(\.name))
      return importedModules(of: file).compactMap { imported, line in
        permitted.contains(imported)
          ? nil : file.breach(line: line, "\(module) may not import \(imported)")
      }
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

  /// A type that Basics declares has no second declaration anywhere, as Backoff once had.
  static func basics(_ files: [SourceFile]) -> Rule {
    let names = Set(files.filter { $0.module == "Basics" }.flatMap(\.types).map(\.name))
    return Rule { file in
      guard file.module != "Basics" else { return [] }
      return file.types.compactMap { type in
        names.contains(type.name)
          ? file.breach(line: type.line, "\(type.name): use the one of Basics") : nil
      }
    }
  }

  static let environment = Rule.tokens(where: { file in
    file.module.map { !programs.contains($0) } ?? false
  }) { tokens in
    let names: Set<Substring> = ["getenv", "secure_getenv", "setenv", "environ", "ProcessInfo"]
    guard let word = tokens.first?.text, names.contains(word) else { return nil }
    return "only programs read the environment (\(word)): take a configuration instead"
  }

  static let pointers = Rule.tokens(where: { file in
    file.module.map { !unsafe.contains($0) } ?? false
  }) { tokens in
    guard let word = tokens.first?.text else { return nil }
    let words: Set<Substring> = ["OpaquePointer", "Unmanaged", "unsafeBitCast", "unchecked"]
    let isUnsafe =
      words.contains(word) || word.hasPrefix("Unsafe") || word.hasPrefix("withUnsafe")
      || tokens.starts(with: "nonisolated", "(", "unsafe")
    return isUnsafe ? "\(word) belongs in EventLoop or an adapter" : nil
  }

  static let prints = Rule.tokens(where: { file in
    file.module.map { !programs.contains($0) } ?? false
  }) { tokens in
    let words: Set<Substring> = ["print", "debugPrint", "dump", "NSLog"]
    guard let word = tokens.first?.text, words.contains(word), tokens.dropFirst().first?.text == "("
    else { return nil }
    return "a library does not write to the terminal: log, or return what there is to say"
  }
}
