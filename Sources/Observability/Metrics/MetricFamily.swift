/// The series of one name.
struct MetricFamily {
  /// A share of a series.
  enum Cell {
    case counter(Counter)
    case gauge(Gauge)
    case histogram(Histogram)
    case sample(Double)
  }

  let description: MetricDescription
  /// By their labels as they are written, without braces.
  private var series: [String: [Cell]] = [:]

  init(_ description: MetricDescription) { self.description = description }

  mutating func add(_ cell: Cell, labels: [MetricLabel]) {
    series[PrometheusText.labels(labels), default: []].append(cell)
    precondition(
      series.count <= MetricsRegistry.seriesPerFamilyMax,
      "\(description.name): a label takes too many values")
  }

  func append(to text: inout PrometheusText) {
    text.appendHead(of: description)
    for labels in series.keys.sorted() {
      let cells = series[labels] ?? []
      if let bounds = description.bounds {
        text.append(description.name, labels, totals(of: cells, bounds))
      } else {
        text.append(description.name, labels, value(of: cells))
      }
    }
  }

  private func totals(of cells: [Cell], _ bounds: HistogramBounds) -> HistogramTotals {
    var totals = HistogramTotals(bounds)
    for case .histogram(let cell) in cells { cell.add(to: &totals) }
    return totals
  }

  /// Whole numbers are added up as such: a counter stays exact past 2⁵³.
  private func value(of cells: [Cell]) -> PrometheusText.Number {
    var whole: Int64 = 0
    var fraction = 0.0
    for cell in cells {
      switch cell {
      case .counter(let cell): whole &+= Int64(truncatingIfNeeded: cell.value)
      case .gauge(let cell): whole &+= cell.value
      case .sample(let value): fraction += value
      case .histogram: break
      }
    }
    return fraction == 0 ? .whole(whole) : .fraction(Double(whole) + fraction)
  }
}
