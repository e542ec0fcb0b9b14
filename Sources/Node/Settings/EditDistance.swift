/// How unlike two names are: letters added, left out or changed between them (Levenshtein).
enum EditDistance {
  /// The most alike, unless even that needs more than a third of the letters changed.
  static func nearest(to name: String, among candidates: [String]) -> String? {
    let distances = candidates.map { (candidate: $0, distance: between(name, $0)) }
    guard let best = distances.min(by: { $0.distance < $1.distance }) else { return nil }
    return best.distance <= max(2, name.count / 3) ? best.candidate : nil
  }

  static func between(_ left: String, _ right: String) -> Int {
    let right = Array(right.utf8)
    var row = Array(0...right.count)
    for (index, byte) in left.utf8.enumerated() {
      var diagonal = row[0]
      row[0] = index + 1
      for column in right.indices {
        let changed = diagonal + (byte == right[column] ? 0 : 1)
        diagonal = row[column + 1]
        row[column + 1] = min(changed, diagonal + 1, row[column] + 1)
      }
    }
    return row[right.count]
  }
}
