local mode, nonce = tonumber(ARGV[3]), ARGV[6]
local r = record(7)
local a = apply(r, mode, ARGV[4], tonumber(ARGV[5]), nonce)
if a[1] == 'ok' and nonce ~= '' then lock(r.key, nonce) end
return a
