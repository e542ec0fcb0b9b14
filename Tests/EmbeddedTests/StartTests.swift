import Embedded
import Foundation
import KeyValueStore
import StoreContracts
import TestSupport
import Testing

@Suite("A data folder that can't be used is refused at start, with what to do about it")
struct StartTests {
  private let folder: TemporaryFolder
  private let dataFolder: String

  init() throws {
    folder = try TemporaryFolder()
    dataFolder = folder.path(of: "data")
  }

  /// Opens and closes a database with an entry in it.
  private func prepare(entries: Int = 1) async throws -> StoreFile {
    let database = try EmbeddedDatabase(.folder(dataFolder))
    _ = try await database.write(
      (0..<entries).map { .put("k\($0)", Array(repeating: 7, count: 500)) })
    await database.close()
    return StoreFile(in: dataFolder)
  }

  private func refusal() -> EmbeddedError? {
    do {
      _ = try EmbeddedDatabase(.folder(dataFolder))
      return nil
    } catch {
      return error
    }
  }

  @Test("A missing folder is created, with those above it, for its owner only")
  func missingFolder() async throws {
    let nested = folder.path(of: "a/b/data")
    let database = try EmbeddedDatabase(.folder(nested))
    let attributes = try FileManager.default.attributesOfItem(atPath: nested)
    #expect(attributes[.posixPermissions] as? Int == 0o700)
    for file in ["store.sqlite", "store.sqlite-wal", "lock"] {
      let attributes = try FileManager.default.attributesOfItem(atPath: nested + "/" + file)
      #expect(attributes[.posixPermissions] as? Int == 0o600)
    }
    await database.close()
  }

  @Test("After a shutdown everything is in one file")
  func shutdown() async throws {
    let file = try await prepare()
    #expect(!FileManager.default.fileExists(atPath: file.path + "-wal"))
    let database = try EmbeddedDatabase(.folder(dataFolder))
    #expect(try await database.value("k0")?.count == 500)
    await database.close()
  }

  @Test("A file is not a folder, nor is a path below it")
  func notAFolder() throws {
    let path = folder.path(of: "file")
    try Data().write(to: URL(fileURLWithPath: path))
    #expect(throws: EmbeddedError.notAFolder(path: path)) {
      try EmbeddedDatabase(.folder(path))
    }
    #expect(throws: EmbeddedError.notAFolder(path: path + "/data")) {
      try EmbeddedDatabase(.folder(path + "/data"))
    }
  }

  @Test("A folder that is in use is refused, in this process and from others, until it is closed")
  func locked() async throws {
    let database = try EmbeddedDatabase(.folder(dataFolder))
    let error = try #require(refusal())
    #expect(error == .locked(path: dataFolder, processID: getpid()))
    #expect("\(error)".contains("process \(getpid())"))
    let lock = ["flock", "--nonblock", "--conflict-exit-code", "9", dataFolder + "/lock", "true"]
    #expect(try exitStatus(of: lock) == 9)
    await database.close()
    #expect(try exitStatus(of: lock) == 0)
    let again = try EmbeddedDatabase(.folder(dataFolder))
    await again.close()
  }

  @Test("Releasing a database closes it")
  func released() async throws {
    var database: EmbeddedDatabase? = try EmbeddedDatabase(.folder(dataFolder))
    _ = try await database?.write([.put("k")])
    database = nil
    // Its threads end by themselves: the lock shows when.
    while let error = refusal() {
      #expect(error == .locked(path: dataFolder, processID: getpid()))
      await Task.yield()
    }
  }

  @Test("A folder that can't be made is refused with the system's reason")
  func impossible() {
    #expect(throws: EmbeddedError.self) { try EmbeddedDatabase(.folder("/proc/none/data")) }
    do {
      _ = try EmbeddedDatabase(.folder("/proc/none"))
    } catch {
      guard case .notWritable(path: "/proc/none", let reason) = error else {
        Issue.record("\(error)")
        return
      }
      #expect(!reason.isEmpty)
    }
  }

  @Test("A read-only file system is refused", .enabled(if: SmallDisk.isPermitted))
  func readOnlyDisk() async throws {
    let disk = try SmallDisk(kilobytes: 8_192)
    let path = disk.folder.path
    let database = try EmbeddedDatabase(.folder(path))
    await database.close()
    try disk.makeReadOnly()
    do {
      _ = try EmbeddedDatabase(.folder(path))
      Issue.record("opened")
    } catch {
      guard case .notWritable(path, _) = error else {
        Issue.record("\(error)")
        return
      }
      #expect("\(error)".contains("writable"))
    }
  }

  @Test("A folder without write permission is refused", .enabled(if: geteuid() != 0))
  func readOnlyFolder() throws {
    try FileManager.default.createDirectory(
      atPath: dataFolder, withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o500])
    guard case .notWritable? = refusal() else {
      Issue.record("opened")
      return
    }
  }

  @Test("A full disk is refused", .enabled(if: SmallDisk.isPermitted))
  func fullDisk() throws {
    let disk = try SmallDisk(kilobytes: 512)
    do {
      _ = try EmbeddedDatabase(.folder(disk.folder.path))
      Issue.record("opened")
    } catch {
      guard case .noSpace(disk.folder.path, let freeBytes) = error else {
        Issue.record("\(error)")
        return
      }
      #expect(freeBytes < 1 << 20)
    }
  }

  @Test("A file that is no database is refused, and left as it is")
  func noDatabase() async throws {
    let file = try await prepare()
    let garbage = [UInt8](repeating: 0x41, count: 100)
    try file.overwrite(at: 0, with: garbage)
    guard case .corrupt(file.path, _)? = refusal() else {
      Issue.record("opened")
      return
    }
    let head = try FileHandle(forReadingFrom: URL(fileURLWithPath: file.path)).read(upToCount: 100)
    #expect(head.map { Array($0) } == garbage)
  }

  @Test("A damaged page is found")
  func damagedPage() async throws {
    let file = try await prepare(entries: 200)
    try file.overwrite(
      at: file.bytes / 2 / 4_096 * 4_096, with: [UInt8](repeating: 0xEE, count: 4_096))
    guard case .corrupt(file.path, let detail)? = refusal() else {
      Issue.record("opened")
      return
    }
    #expect(!detail.isEmpty)
  }

  @Test("A file that was cut off is found")
  func truncated() async throws {
    let file = try await prepare(entries: 200)
    try file.truncate(to: file.bytes - 8_192)
    guard case .corrupt(file.path, _)? = refusal() else {
      Issue.record("opened")
      return
    }
  }

  @Test("A database of another program is refused")
  func foreign() async throws {
    let file = try await prepare()
    try file.execute("PRAGMA application_id = 1")
    #expect(refusal() == .foreign(path: file.path))
  }

  @Test("A schema of a newer release is refused")
  func newerSchema() async throws {
    let file = try await prepare()
    try file.execute("INSERT INTO grdb_migrations VALUES ('9: from the future')")
    #expect(refusal() == .newerSchema(path: file.path))
  }

  @Test("Every refusal names the path and says what to do")
  func messages() {
    let refusals: [EmbeddedError] = [
      .notAFolder(path: "/p"), .notWritable(path: "/p", reason: "r"),
      .locked(path: "/p", processID: nil), .corrupt(path: "/p", detail: "d"),
      .foreign(path: "/p"), .newerSchema(path: "/p"), .noSpace(path: "/p", freeBytes: 1),
    ]
    let advice = ["Remove", "Give", "Stop", "Restore", "Choose", "Start", "Free"]
    for refusal in refusals {
      #expect("\(refusal)".contains("/p"))
      #expect(advice.contains { "\(refusal)".contains($0) })
    }
    let other = EmbeddedError.failed(path: "/p", detail: "why")
    #expect("\(other)".contains("/p") && "\(other)".contains("why"))
  }
}
