internal import ArgumentParser
internal import Basics
internal import FoundationEssentials
internal import KeyValueClient

struct ListCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ls", abstract: "Lists keys, in the order of their bytes.",
    discussion: """
      EXAMPLES:
        kv ls                         # all keys
        kv ls --long session/         # with size, expiry, time and type
        kv ls --delimiter / users/    # one level: keys, and what has more below it
        kv ls --tree
        kv ls --count session/
        kv ls --reverse --limit 10 log/
      """)

  @Argument(help: "Only keys that begin so.") var prefix = ""

  @Flag(name: .customLong("long"), help: "Show size, expiry, time of the last write and type.")
  var isLong = false

  @Flag(name: .customLong("tree"), help: "Show keys as a tree, by the delimiter.")
  var isTree = false

  @Flag(name: .customLong("count"), help: "Print how many there are.")
  var isCount = false

  @Flag(name: .customLong("reverse"), help: "Begin with the last key.")
  var isReverse = false

  @Option(
    help: "Show what has more after this text only once (with --tree, / by default).")
  var delimiter: String?

  @Option(help: ArgumentHelp("Stop after so many lines.", valueName: "n"))
  var limit: Int?

  @Flag(name: .customLong("values"), help: "With --json: the values, too.")
  var includesValues = false

  @OptionGroup var output: OutputOptions
  @OptionGroup var server: ServerOptions

  func validate() throws {
    guard limit.map({ $0 > 0 }) ?? true else { throw ValidationError("--limit is 1 or more.") }
    guard !includesValues || output.isJSON else { throw ValidationError("--values needs --json.") }
    guard !isTree || !(isReverse || output.isJSON || isLong) else {
      throw ValidationError("--tree goes with --delimiter and --limit only.")
    }
    guard
      !isCount
        || !(isTree || isLong || isReverse || includesValues)
          && delimiter == nil && limit == nil
    else { throw ValidationError("--count goes with --json only.") }
    guard delimiter != "" else { throw ValidationError("--delimiter is not empty.") }
  }

  func run() async throws {
    let client = try server.client()
    if isCount {
      let found = try await KeyCount.of(prefix: prefix, client)
      if output.isJSON {
        let least = found.isLeast == true ? ",\"at_least\":true" : ""
        return try Terminal.line("{\"count\":\(found.count)\(least)}")
      }
      if found.isLeast == true { Terminal.note("There are more: counting took too long.") }
      return try Terminal.line(String(found.count))
    }
    var query = ListQuery(prefix: prefix)
    query.isReverse = isReverse
    query.includesValues = includesValues
    query.delimiter = isTree ? nil : delimiter
    if let limit { query.limit = min(limit, query.limit) }
    var tree = KeyTree(prefix: prefix, delimiter: delimiter ?? "/")
    var left = limit ?? .max
    try await client.list(query) { page in
      for line in rows(of: page).prefix(left) {
        left -= 1
        if isTree, case .entry(let entry) = line {
          for branch in tree.lines(for: entry.key) { try Terminal.line(Terminal.visible(branch)) }
        } else {
          try show(line)
        }
      }
      return left > 0
    }
  }

  private enum Row {
    case entry(ListedEntry)
    case prefix(String)

    var bytes: String.UTF8View {
      switch self {
      case .entry(let entry): entry.key.utf8
      case .prefix(let prefix): prefix.utf8
      }
    }
  }

  /// Entries and prefixes in one order.
  private func rows(of page: ListedPage) -> [Row] {
    let rows = page.items.map { Row.entry($0) } + (page.prefixes ?? []).map { Row.prefix($0) }
    guard page.prefixes?.isEmpty == false else { return rows }
    return rows.sorted { one, other in
      isReverse
        ? other.bytes.lexicographicallyPrecedes(one.bytes)
        : one.bytes.lexicographicallyPrecedes(other.bytes)
    }
  }

  private func show(_ row: Row) throws {
    switch row {
    case .entry(let entry) where output.isJSON:
      var writer = JSONWriter()
      entry.write(to: &writer)
      try Terminal.write(writer.bytes + [0x0A])
    case .prefix(let prefix) where output.isJSON:
      var writer = JSONWriter()
      writer.beginObject()
      writer.name("prefix")
      writer.string(prefix)
      writer.endObject()
      try Terminal.write(writer.bytes + [0x0A])
    case .entry(let entry) where isLong:
      let columns = [
        Self.padded(String(entry.size ?? 0), 9),
        entry.updatedAt.map { String($0.prefix(19)) } ?? "",
        entry.expiresAt.map { "expires \($0.prefix(19))" } ?? String(repeating: " ", count: 27),
        Terminal.visible(entry.key), "(\(Terminal.visible(entry.contentType ?? "")))",
      ]
      try Terminal.line(columns.joined(separator: "  "))
    case .entry(let entry): try Terminal.line(Terminal.visible(entry.key))
    case .prefix(let prefix): try Terminal.line(Terminal.visible(prefix))
    }
  }

  private static func padded(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }
}

/// Draws keys, which come in order, as a tree: a line for each part that the key before did not
/// have, indented by its depth. It keeps one key, however many there are.
struct KeyTree {
  private let delimiter: String
  private let prefix: String
  private var last: [String] = []

  init(prefix: String, delimiter: String) {
    self.prefix = prefix
    self.delimiter = delimiter
  }

  /// The lines that a key adds.
  mutating func lines(for key: String) -> [String] {
    let rest = key.hasPrefix(prefix) ? String(key.dropFirst(prefix.count)) : key
    var parts = rest.split(separator: delimiter, omittingEmptySubsequences: false)
      .map { String($0) + delimiter }
    if let end = parts.popLast() { parts.append(String(end.dropLast(delimiter.count))) }
    // A key that ends in the delimiter has nothing after it.
    if parts.last == "", parts.count > 1 { parts[parts.count - 1] = "(the key itself)" }
    let common = zip(parts, last).prefix { $0 == $1 }.count
    last = parts
    return parts.indices.dropFirst(min(common, parts.count - 1)).map {
      String(repeating: "  ", count: $0) + parts[$0]
    }
  }
}
