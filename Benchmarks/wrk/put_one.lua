-- PUTs of 100 bytes, all of them of one key.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "statuses.lua")

wrk.method = "PUT"
wrk.path = "/kv/bench/one"
wrk.headers["Content-Type"] = "text/plain"
wrk.body = string.rep("v", 100)
