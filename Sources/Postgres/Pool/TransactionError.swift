import KeyValueStore

/// Why a transaction did not go well.
enum TransactionError: Error {
  /// The server or the connection.
  case exchange(ExchangeError)
  /// The server found it too late: see `PostgresConfiguration.writeValidity`. Nothing was written.
  case late
}
