local mode, nonce = tonumber(ARGV[3]), ARGV[6]
local r = record(7)
-- Numbers lag behind the clock of the server that has them, which may be a day
-- ahead of ours.
local a = apply(r, mode, ARGV[4], tonumber(ARGV[5]), nonce, micros() + 86400 * 1000000)
if a[1] == 'ok' and nonce ~= '' then lock(r.key, nonce) end
return a
