/// The scripts that change what Redis keeps; each is atomic. See `EntryLayout` for what they read.
enum CacheScript: Int, CaseIterable {
  case update
  case lease
  case fill
  case observe

  /// Lua, for Redis 5 and later.
  var source: String {
    switch self {
    case .update: CacheScript.updateSource
    case .lease: CacheScript.leaseSource
    case .fill: CacheScript.fillSource
    case .observe: CacheScript.observeSource
    }
  }

  /// KEYS: marker, entries. ARGV: an entry's life in ms, a floor's life in ms; what must be true to
  /// create an entry (`DropWatch`): marker, evictions, the last ms of Redis' clock; payloads.
  ///
  /// When Redis has no memory for an entry, nothing may be left that is older than the payload, and
  /// the marker goes too: no floor can be left either.
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
      local head = redis.call('GETRANGE', KEYS[number], 0, 20)
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

  /// KEYS: entry. ARGV: token, its life in ms. Returns the entry if there is one by now, 1 with the
  /// lease, nil when somebody else has it or there is no memory for it.
  private static let leaseSource = """
    local head = redis.call('GETRANGE', KEYS[1], 0, 20)
    local kind = string.sub(head, 1, 1)
    if kind == 'v' or kind == 'a' then return redis.call('GET', KEYS[1]) end
    if kind == 'l' then return false end
    local floor = '0000000000000000000'
    if kind == 'f' and #head == 21 then floor = string.sub(head, 3) end
    local kept = redis.pcall('SET', KEYS[1], 'l1' .. floor .. ARGV[1], 'PX', ARGV[2])
    if kept.err then
      if string.sub(kept.err, 1, 3) ~= 'OOM' then return kept end
      return false
    end
    return 1
    """

  /// KEYS: entry. ARGV: payload, its life in ms, token.
  private static let fillSource = """
    local head = redis.call('GETRANGE', KEYS[1], 0, 36)
    if string.sub(head, 1, 1) ~= 'l' or string.sub(head, 22) ~= ARGV[3] then return 0 end
    if string.sub(head, 3, 21) > string.sub(ARGV[1], 3, 21) then return 0 end
    local kept = redis.pcall('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
    if kept.err then
      if string.sub(kept.err, 1, 3) ~= 'OOM' then return kept end
      return 0
    end
    return 1
    """

  /// KEYS: marker. ARGV: what to make it if it is gone; 1 to write it in any case, which finds out
  /// whether Redis can be written. Returns marker, evictions and ms of Redis' clock.
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
