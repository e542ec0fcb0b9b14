-- GETs of many keys, one after the other: PREFIX number SUFFIX, for numbers 1 to COUNT, given as
-- arguments. Every thread walks through a part of its own, so that no key comes twice before all
-- of the part have come. The requests are made before the run, as the cores are shared.
local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("id", threads)
end

function init(arguments)
  local prefix, suffix = arguments[1], arguments[2]
  local part = tonumber(arguments[3]) / tonumber(arguments[4])
  requests = {}
  for number = 1, part do
    requests[number] = wrk.format("GET", prefix .. math.floor((id - 1) * part + number) .. suffix)
  end
  count = 0
end

function request()
  count = count % #requests + 1
  return requests[count]
end
