/// How much of everything a client may send. Each is a bound that is still accepted.
public struct HTTPLimits: Sendable {
  /// The longest request line, without its line end, in bytes. Default 8,192. Past it: 414.
  public var requestLineBytesMax = 8_192
  /// The longest header section: all field lines with their line ends, without the empty line
  /// behind them, in bytes. Default 16,384. Past it: 431.
  public var headerBytesMax = 16_384
  /// The most header fields. Default 100. Past it: 431.
  public var fieldsMax = 100
  /// The longest method, in bytes. Default 32. Past it: 501.
  public var methodBytesMax = 32
  /// The most that the chunk extensions of one body may add up to, in bytes. Default 4,096.
  /// Past it: 400.
  public var chunkExtensionBytesMax = 4_096
  /// The longest trailer section: all its field lines with their line ends, in bytes. Default
  /// 4,096. Past it: 431.
  public var trailerBytesMax = 4_096
  /// The most trailer fields. Default 32. Past it: 431.
  public var trailerFieldsMax = 32

  /// The defaults.
  public init() {}

  /// Whether the places of a head's fields can be kept in 16 bits, as `RequestHead.Field` does.
  var fitsFieldPositions: Bool {
    requestLineBytesMax >= 0 && headerBytesMax >= 0
      && requestLineBytesMax <= Int(UInt16.max) && headerBytesMax <= Int(UInt16.max)
      && requestLineBytesMax + headerBytesMax + 2 <= Int(UInt16.max)
  }
}
