@main
struct KeyValueAPI {
  static func main() {}
}
