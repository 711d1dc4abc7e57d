init(ARGV[3])
obtain_room()
local g = 0
if ARGV[7] ~= '' then g = set_generation(ARGV[7]) end
local n = number()
note(ARGV[4], n, ARGV[5] == '1', ARGV[6])
return {n, g}
