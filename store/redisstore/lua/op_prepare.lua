init(ARGV[3])
local key, begun, mode, set, asked = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7], ARGV[10]
if mode ~= set_mode and not admit(key, begun) then return {'superseded'} end
register(set, ARGV[8], rest(11), tonumber(ARGV[9]))
return {'ok', meta('seq'), set_generation(asked)}
