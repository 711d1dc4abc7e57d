local shards, found = tonumber(ARGV[3]), {}
for i = 4, 3 + shards do
  B = ARGV[i]
  for j = 4 + shards, #ARGV do
    if redis.call('EXISTS', B .. 's:' .. ARGV[j], B .. 'z:' .. ARGV[j]) > 0 then found[#found + 1] = ARGV[j] end
  end
end
return found
