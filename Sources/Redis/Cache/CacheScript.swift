/// The scripts that change what Redis keeps; each is atomic. They read the form of `EntryLayout`.
/// Constant numbers in commands are text: Redis is slow at formatting Lua's numbers.
enum CacheScript: Int, CaseIterable {
  case update
  case lease
  case fill
  case observe

  /// Lua, for Redis 5 and later.
  var source: String {
    switch self {
    case .update: CacheScript.unreplicated + CacheScript.updateSource
    case .lease: CacheScript.unreplicated + CacheScript.leaseSource
    case .fill: CacheScript.unreplicated + CacheScript.fillSource
    case .observe: CacheScript.observeSource
    }
  }

  /// Begins every script that writes entries, and keeps them from replicas. A replica that becomes
  /// the master has a generation of its own, and is never asked for the entries of another one.
  /// Copying an entry to both replicas would cost more than keeping it.
  private static let unreplicated = """
    if redis.replicate_commands then redis.replicate_commands() end
    redis.set_repl(redis.REPL_NONE)

    """

  /// KEYS: marker, entries. ARGV: an entry's life in ms, a floor's life in ms; what must be true to
  /// create an entry (`DropWatch`): marker, evictions, the last ms of Redis' clock; payloads.
  ///
  /// When Redis has no memory for an entry, the script deletes what is older than the payload. It
  /// deletes the marker, too, because it can't leave a floor either.
  private static let updateSource = """
    local mayCreate
    local function complies()
      if mayCreate == nil then
        local time = redis.call('TIME')
        mayCreate = redis.call('GET', KEYS[1]) == ARGV[3]
          and time[1] * 1000 + math.floor(time[2] / 1000) <= tonumber(ARGV[5])
          and string.match(redis.call('INFO', 'stats'), 'evicted_keys:(%d+)') == ARGV[4]
      end
      return mayCreate
    end
    for number = 2, #KEYS do
      local payload = ARGV[number + 4]
      local head = redis.call('GETRANGE', KEYS[number], '0', '20')
      local revision = string.sub(payload, 3, 21)
      if #head ~= 21 or string.sub(head, 3) < revision then
        local kind, isFloor = string.sub(head, 1, 1), string.sub(payload, 1, 1) == 'f'
        if not isFloor and kind ~= 'v' and kind ~= 'a' and not complies() then
          payload, isFloor = 'f1' .. revision, true
        end
        local life = isFloor and ARGV[2] or ARGV[1]
        local kept = redis.pcall('SET', KEYS[number], payload, 'PX', life)
        if kept.err then
          if string.sub(kept.err, 1, 3) ~= 'OOM' then return kept end
          redis.call('DEL', KEYS[number], KEYS[1])
          mayCreate = false
        end
      end
    end
    return 1
    """

  /// KEYS: entries. ARGV: a lease's life in ms; tokens. Returns for each: the entry if there is one
  /// by now, 1 if the lease is granted, nil if another reader has it or there is no memory for it.
  private static let leaseSource = """
    local replies = {}
    for number = 1, #KEYS do
      local head = redis.call('GETRANGE', KEYS[number], '0', '20')
      local kind = string.sub(head, 1, 1)
      if kind == 'v' or kind == 'a' then
        replies[number] = redis.call('GET', KEYS[number])
      elseif kind == 'l' then
        replies[number] = false
      else
        local floor = '0000000000000000000'
        if kind == 'f' and #head == 21 then floor = string.sub(head, 3) end
        local lease = 'l1' .. floor .. ARGV[number + 1]
        local kept = redis.pcall('SET', KEYS[number], lease, 'PX', ARGV[1])
        if kept.err and string.sub(kept.err, 1, 3) ~= 'OOM' then return kept end
        replies[number] = not kept.err and 1
      end
    end
    return replies
    """

  /// KEYS: entries. ARGV: an entry's life in ms; for each entry its payload and its lease's token.
  private static let fillSource = """
    for number = 1, #KEYS do
      local payload, token = ARGV[2 * number], ARGV[2 * number + 1]
      local head = redis.call('GETRANGE', KEYS[number], '0', '36')
      if string.sub(head, 1, 1) == 'l' and string.sub(head, 22) == token
          and string.sub(head, 3, 21) <= string.sub(payload, 3, 21) then
        local kept = redis.pcall('SET', KEYS[number], payload, 'PX', ARGV[1])
        if kept.err then
          if string.sub(kept.err, 1, 3) ~= 'OOM' then return kept end
          return 0
        end
      end
    end
    return 1
    """

  /// KEYS: marker. ARGV: its value if it is gone; 1 to write it in any case, which shows whether
  /// Redis can be written. Returns marker, evictions and ms of Redis' clock.
  private static let observeSource = """
    local marker = redis.call('GET', KEYS[1])
    if not marker or ARGV[2] == '1' then
      marker = marker or ARGV[1]
      local kept = redis.pcall('SET', KEYS[1], marker)
      if kept.err then
        if string.sub(kept.err, 1, 3) ~= 'OOM' then return kept end
        marker = 'none'
      end
    end
    local time = redis.call('TIME')
    local evicted = string.match(redis.call('INFO', 'stats'), 'evicted_keys:(%d+)')
    return {marker, evicted, tostring(time[1] * 1000 + math.floor(time[2] / 1000))}
    """
}
