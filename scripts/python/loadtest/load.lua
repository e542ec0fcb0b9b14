-- What wrk's connections send, and what is recorded of the answers. generator.py starts wrk with
-- this script and passes settings in the environment, because command lines are public:
--
--   KV_LOAD_MODE          get, put, delete, mixed, create (PUT with `If-None-Match: *`, each of a
--                         key of its own), replace (PUT with `If-Match`, see below), or raw (the
--                         value is a whole request)
--   KV_LOAD_PATH          of a key, up to its number
--   KV_LOAD_SUFFIX        what follows the number, or nothing
--   KV_LOAD_FIRST, _LAST  the numbers of the keys
--   KV_LOAD_DISTRIBUTION  uniform, zipf, or sequence: one after the other
--   KV_LOAD_VALUE         a file with the value
--   KV_LOAD_TOKEN         or nothing
--   KV_LOAD_PREFER        what writes prefer, or nothing
--   KV_LOAD_THREADS       as many as wrk was told to start
--   KV_LOAD_STATUSES      `count`, or nothing
--   KV_LOAD_RESULT        the file for the result
--
-- Load tests start wrk once for each interval: a Lua hook never learns how long a request took, so
-- latency over time takes several runs. wrk's histogram of a run is complete, and histograms add
-- up.
--
-- Counting statuses takes a hook, for which wrk collects the header fields of each answer into a
-- table. Measured with nginx's `return 200` on two cores (wrk -t2 -c64 -d3s): 131,000 to 147,000
-- requests/s without it and 108,000 to 129,000 with it, so 2 µs of processor time an answer. That
-- is little beside a write, and too much beside a cached read: reads are measured without it as
-- long as there are no errors, which wrk counts at no cost. For the same reason a single key is
-- read with wrk's own request, without a call of Lua.

local ffi = require("ffi")
ffi.cdef([[
  typedef struct { long seconds, nanoseconds; } kv_time;
  int clock_gettime(int clock, kv_time *time);
  /* stats.h of wrk 4: how many took so many microseconds. */
  typedef struct { uint64_t count, limit, min, max, data[]; } kv_stats;
]])

-- Seconds on a clock that all threads share (CLOCK_MONOTONIC).
local time = ffi.new("kv_time")
local function now()
  ffi.C.clock_gettime(1, time)
  return tonumber(time.seconds) + tonumber(time.nanoseconds) / 1e9
end

local function setting(name) return os.getenv("KV_LOAD_" .. name) end

-- In the first thread, before it starts the others.

local threads = {}

function setup(thread)
  threads[#threads + 1] = thread
  thread:set("id", #threads)
end

-- In each of the others.

-- The bytes of requests that each thread keeps for the next time.
local kept_bytes_max = 64 * 1024 * 1024

local function uniform(count)
  return function() return math.random(count) end
end

-- Numbers from 1 to `count`, number k with a probability in proportion to 1 / k^0.99 (the exponent
-- of the YCSB benchmark), by rejection-inversion (W. Hörmann, G. Derflinger: Rejection-inversion
-- to generate variates from monotone discrete distributions, 1996): no table, whatever `count` is.
local function zipf(count)
  local exponent = 0.99
  local function integral(x) return (x ^ (1 - exponent) - 1) / (1 - exponent) end
  local function inverse(y) return (1 + y * (1 - exponent)) ^ (1 / (1 - exponent)) end
  local function density(x) return x ^ -exponent end
  local top, bottom = integral(1.5) - 1, integral(count + 0.5)
  local always = 2 - inverse(integral(2.5) - density(2))
  return function()
    while true do
      local y = bottom + math.random() * (top - bottom)
      local x = inverse(y)
      local k = math.min(count, math.max(1, math.floor(x + 0.5)))
      if k - x <= always or y >= integral(k + 0.5) - density(k) then return k end
    end
  end
end

-- The requests of one method, by key number; each is created when it is first needed.
local function requests(method, fields, body)
  local path, suffix = setting("PATH"), setting("SUFFIX") or ""
  local kept, bytes = {}, 0
  return function(number)
    local made = kept[number]
    if made then return made end
    made = wrk.format(method, path .. string.format("%d", number) .. suffix, fields, body)
    bytes = bytes + #made
    if bytes <= kept_bytes_max then kept[number] = made end
    return made
  end
end

local function value()
  local file = assert(io.open(setting("VALUE"), "rb"))
  local bytes = file:read("*a")
  file:close()
  return bytes
end

-- DELETEs of existing keys: each thread goes once through a part of its own, and then stops, as no
-- key is left.
local function walk(first, last, delete)
  local number = first - 1
  return function()
    if number < last then
      number = number + 1
    elseif not finished then
      finished = now()
      wrk.thread:stop()
    end
    return delete(number)
  end
end

-- Keys one after the other, each thread in a part of its own, again and again: no key comes twice
-- before all others of the part. The requests are made before the run, as wrk and the server share
-- the cores.
local function sequence(first, last, make)
  for number = first, last do make(number) end
  local number = first - 1
  return function()
    number = number < last and number + 1 or first
    return make(number)
  end
end

-- The text of a request around the `@` in its path.
local function around(fields, body)
  local path = setting("PATH") .. id .. "/@"
  return wrk.format("PUT", path, fields, body):match("^(.-)@(.*)$")
end

local function create(fields, body)
  fields["If-None-Match"] = "*"
  local head, tail = around(fields, body)
  local number = 0
  return function()
    number = number + 1
    return head .. number .. tail
  end
end

-- PUTs with `If-Match` and the revision that the last PUT of the key was answered: as many keys as
-- connections, each in one request at a time. A thread creates a key whenever none of its keys is
-- free. Returns the function for requests and the one for answers.
local function replace(fields, body)
  local new = create(fields, body)
  fields["If-None-Match"] = nil
  fields["If-Match"] = "@"
  local head, rest = around(fields, body)
  local middle, tail = rest:match("^(.-)@(.*)$")
  local free = {}
  local function send() return table.remove(free) or new() end
  local function answered(status, headers, document)
    -- The revision of what was refused or queued is not known.
    if status ~= 200 and status ~= 201 then return end
    local number = document:match('^{"key":"[^"]*/(%d+)"')
    table.insert(free, head .. number .. middle .. headers["ETag"] .. tail)
  end
  return send, answered
end

local function mixed(pick, get, put, delete)
  return function()
    local choice = math.random(100)
    if choice <= 80 then return get(pick()) end
    if choice <= 95 then return put(pick()) end
    return delete(pick())
  end
end

function init()
  local token = setting("TOKEN")
  if token then wrk.headers["Authorization"] = "Bearer " .. token end
  local write = {}
  for name, field in pairs(wrk.headers) do write[name] = field end
  write["Prefer"] = setting("PREFER")
  local text = { ["Content-Type"] = "text/plain" }
  for name, field in pairs(write) do text[name] = field end
  local get = requests("GET")
  local put = requests("PUT", text, value())
  local delete = requests("DELETE", write)

  math.randomseed(os.time() * 1000 + id)
  local before, last = tonumber(setting("FIRST")) - 1, tonumber(setting("LAST"))
  local draw = (setting("DISTRIBUTION") == "zipf" and zipf or uniform)(last - before)
  local function pick() return before + draw() end
  local part = (last - before) / tonumber(setting("THREADS"))
  local from, to = math.floor(before + (id - 1) * part) + 1, math.floor(before + id * part)

  local function each(make)
    if setting("DISTRIBUTION") == "sequence" then return sequence(from, to, make) end
    return function() return make(pick()) end
  end

  local mode = setting("MODE")
  local answered
  if mode == "get" and before + 1 == last then
    wrk.path = setting("PATH") .. last .. (setting("SUFFIX") or "")
  elseif mode == "get" then
    next_request = each(get)
  elseif mode == "put" then
    next_request = each(put)
  elseif mode == "delete" then
    next_request = walk(from, to, delete)
  elseif mode == "create" then
    next_request = create(text, value())
  elseif mode == "raw" then
    local bytes = value()
    next_request = function() return bytes end
  elseif mode == "replace" then
    next_request, answered = replace(text, value())
  else
    next_request = mixed(pick, get, put, delete)
  end
  if next_request then
    request = function()
      first = first or now()
      return next_request()
    end
  end
  -- By text: a number as a key does not survive the way from a thread to `done`.
  statuses = {}
  local names = {}
  if setting("STATUSES") or answered then
    response = function(status, headers, document)
      local name = names[status] or tostring(status)
      names[status] = name
      statuses[name] = (statuses[name] or 0) + 1
      if answered then answered(status, headers, document) end
    end
  end
end

-- In the first thread again.

-- wrk measures its duration from when all threads are started, but by then the first ones have sent
-- requests for a while. So the time counts from the first request, if Lua makes the requests.
local function duration(summary)
  if not threads[1]:get("first") then return summary.duration / 1e6 end
  local stop = now()
  local start, finish = stop, 0
  for _, thread in ipairs(threads) do
    start = math.min(start, thread:get("first") or stop)
    finish = math.max(finish, thread:get("finished") or stop)
  end
  return math.max(finish - start, 1e-6)
end

function done(summary, latency)
  local file = assert(io.open(setting("RESULT"), "w"))
  file:write(string.format("seconds %.6f\n", duration(summary)))
  local function count(name, number) file:write(string.format("%s %d\n", name, number)) end
  count("requests", summary.requests)
  count("bytes", summary.bytes)
  for _, name in ipairs({ "connect", "read", "write", "timeout", "status" }) do
    count("error " .. name, summary.errors[name])
  end
  for _, thread in ipairs(threads) do
    for status, number in pairs(thread:get("statuses")) do count("status " .. status, number) end
  end
  -- wrk's own access to the histogram goes through all of it for every entry, which takes minutes
  -- when answers take seconds.
  if summary.requests > 0 then
    local stats = ffi.cast("kv_stats **", latency)[0]
    assert(tonumber(stats.max) == latency.max, "this wrk keeps its figures in another way")
    for microseconds = tonumber(stats.min), tonumber(stats.max) do
      local number = tonumber(stats.data[microseconds])
      if number > 0 then count("latency " .. microseconds, number) end
    end
  end
  file:close()
end
