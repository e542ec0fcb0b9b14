/// What is wrong with a broker's URL. Says nothing of what it holds: there is a password in it.
public enum BrokerAddressError: Error, Equatable, CustomStringConvertible {
  /// There is no URL at all.
  case noBroker
  /// It begins neither with `amqp://` nor with `amqps://`.
  case scheme
  /// There is no host, or its brackets do not match.
  case host
  /// The port is not one of 1 to 65535.
  case port
  /// A percent sign without two hexadecimal digits, or something that is not UTF-8 or holds a NUL.
  case escape
  /// The virtual host has a slash in it that is not written `%2F`, or a query follows.
  case virtualHost

  /// For the person who wrote the URL.
  public var description: String {
    switch self {
    case .noBroker: "no RabbitMQ URL is given"
    case .scheme: "a RabbitMQ URL begins with amqp:// or amqps://"
    case .host: "a RabbitMQ URL has no host that can be read"
    case .port: "a RabbitMQ URL has a port that is not one of 1 to 65535"
    case .escape: "a RabbitMQ URL has a bad escape in its user, password or virtual host"
    case .virtualHost: "a RabbitMQ URL ends with one virtual host, without slashes or a query"
    }
  }
}
