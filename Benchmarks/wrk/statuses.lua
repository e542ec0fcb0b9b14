-- Counts the answers of a script by their statuses, as wrk itself tells only those from 400 on
-- apart: a write that is queued (202) is not one that is committed. The first lines of a script
-- that writes load this file; after that, `id` is the number of the thread.
local threads = {}

function setup(thread)
  table.insert(threads, thread)
  thread:set("id", #threads)
end

-- Of strings, as numbers do not survive the way from a thread to `done`.
statuses = {}

function counted(status)
  local name = tostring(status)
  statuses[name] = (statuses[name] or 0) + 1
end

response = counted

function done()
  for _, thread in ipairs(threads) do
    for name, count in pairs(thread:get("statuses")) do
      print("Status " .. name .. ": " .. count)
    end
  end
end
