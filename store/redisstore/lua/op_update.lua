init(ARGV[3])
local key, labels = ARGV[4], ARGV[10]
local set = index_of(key)
if not set then return {'none'} end
register(ARGV[9], ARGV[11], rest(13), tonumber(ARGV[12]))
local what = change(key, ARGV[5], set_generation(set), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9])
if what == 'ok' then note(key, number(), false, labels) end
return {what}
