import Foundation
import Testing

extension EndToEndTests {
  @Suite("A server that can't run says why")
  struct StartTests {
    @Test("A second process on the same data folder is refused, and the first one goes on")
    func sameFolder() throws {
      let first = try Server.running()
      let second = try Server.refusing(data: first.data)
      #expect(second.code == 73)
      #expect(second.output.contains(first.data.lastPathComponent))
      #expect(second.output.contains("is in use by process \(first.processID)"))
      #expect(second.output.contains("Stop that process or choose another folder."))
      #expect(try first.request("PUT", "/kv/a", body: "1").status == 201)
    }

    @Test("A port that another program listens on is named")
    func takenPort() throws {
      let first = try Server.running()
      let address = "127.0.0.1:\(first.port)"
      let second = try Server.refusing(settings: ["KV_LISTEN": address])
      #expect(second.code == 69)
      #expect(
        second.output.contains(
          "can't listen on \(address): Address already in use. Stop what uses the address, or set "
            + "KV_LISTEN to another one."))
    }

    @Test("An address of another machine is named")
    func foreignAddress() throws {
      let server = try Server.refusing(
        settings: ["KV_LISTEN": "192.0.2.1:8080", "KV_AUTH": "disabled"])
      #expect(server.code == 69)
      #expect(server.output.contains("Set KV_LISTEN to an address of this machine"))
    }

    @Test("Services that do not answer are named with their settings, and waited for")
    func missingServices() throws {
      let server = try Server.running(
        settings: [
          "KV_DATABASE_URL": "postgresql://kv:swordfish@127.0.0.1:1/kv",
          "KV_REDIS_URL": "redis://:swordfish@127.0.0.1:1",
          "KV_AMQP_URLS": "amqp://kv:swordfish@127.0.0.1:1",
        ], readiness: 503)
      let line = try #require(
        try server.output.line { $0.contains("not all services answer: start them") })
      for name in ["KV_DATABASE_URL: ", "KV_REDIS_URL: ", "KV_AMQP_URLS: "] {
        #expect(line.contains(name), "\(line)")
      }
      #expect(!server.output.text.contains("swordfish"))
      server.terminate()
      #expect(server.waitForExit() == 0)
    }

    @Test("A tokens file that can't be read, or is wrong, is named with what is wrong")
    func tokensFile() throws {
      let folder = try TemporaryFolder.make()
      let file = folder.appending(path: "tokens")
      try Data("shop secret read *\n".utf8).write(to: file)
      for (path, reason) in [
        (file.path, "line 1: "), (folder.path + "/none", "No such file or directory"),
        (folder.path, "it is not a file"),
      ] {
        let server = try Server.refusing(settings: ["KV_TOKENS_FILE": path])
        #expect(server.code == 78)
        #expect(server.output.contains("KV_TOKENS_FILE="))
        #expect(server.output.contains(reason), "\(server.output)")
      }
    }

    @Test("A file where the data folder should be is named")
    func fileAsFolder() throws {
      let file = try TemporaryFolder.make().appending(path: "file")
      try Data("not a folder".utf8).write(to: file)
      let server = try Server.refusing(data: file)
      #expect(server.code > 0)
      #expect(server.output.contains(file.lastPathComponent))
    }

    @Test("A corrupt database is named and left as it is")
    func corruptDatabase() throws {
      let server = try Server.running()
      #expect(try server.request("PUT", "/kv/a", body: "1").status == 201)
      server.terminate()
      #expect(server.waitForExit() == 0)
      let file = try database(in: server.data)
      let garbage = Data(repeating: 0xA5, count: 65_536)
      try garbage.write(to: file)
      let second = try Server.refusing(data: server.data)
      #expect(second.code > 0)
      #expect(second.output.contains(file.lastPathComponent))
      #expect(try Data(contentsOf: file) == garbage)
    }

    private func database(in folder: URL) throws -> URL {
      let files = try FileManager.default.contentsOfDirectory(
        at: folder, includingPropertiesForKeys: nil)
      let database = try files.first { file in
        try Data(contentsOf: file).starts(with: Data("SQLite format 3".utf8))
      }
      return try #require(database, "no database in \(files.map(\.lastPathComponent))")
    }

    @Test("All wrong settings are named at once")
    func settings() throws {
      let wrong = [
        "KV_LISTEN": "nowhere", "KV_DRAIN_SECONDS": "-1", "KV_LOG_LEVEL": "loud",
        "KV_IO": "psychic", "KV_MAX_VALUE_BYTES": "much", "KV_LOOPS": "0",
      ]
      let server = try Server.refusing(settings: wrong)
      #expect(server.code > 0)
      for name in wrong.keys { #expect(server.output.contains(name), "\(server.output)") }
    }

    @Test("A password in a setting is never printed")
    func secrets() throws {
      let secret = "swordfish"
      let server = try Server.refusing(settings: [
        "KV_REDIS_PASSWORD": secret, "KV_DATABASE_URL": "postgresql://user:\(secret)@:x/y",
        "KV_LISTEN": "nowhere",
      ])
      #expect(server.code > 0)
      #expect(!server.output.contains(secret))
    }

    @Test("--help lists every setting")
    func help() throws {
      let help = try Server.refusing(arguments: ["--help"])
      #expect(help.code == 0)
      let names = [
        "KV_LISTEN", "KV_DATA_DIR", "KV_CACHE_BYTES", "KV_MAX_VALUE_BYTES", "KV_MAX_CONNECTIONS",
        "KV_LOOPS", "KV_IO", "KV_TOKENS_FILE", "KV_AUTH", "KV_DRAIN_SECONDS", "KV_LOG_LEVEL",
      ]
      for name in names { #expect(help.output.contains(name), "\(name) is missing") }
    }

    @Test("--version prints a version")
    func version() throws {
      let version = try Server.refusing(arguments: ["--version"])
      #expect(version.code == 0)
      #expect(version.output.contains(/\d+\.\d+/))
    }

    @Test("An unknown option is refused")
    func unknownOption() throws {
      let server = try Server.refusing(arguments: ["--tll"])
      #expect(server.code > 0)
      #expect(server.output.contains("--tll"))
    }
  }
}
