local n, shards, total, now = ARGV[3], tonumber(ARGV[4]), 0, millis()
for i = 5, 4 + shards do
  B = ARGV[i]
  age(now)
  for j = 5 + shards, #ARGV, 2 do
    total = total + redis.call('ZCOUNT', B .. 's:' .. ARGV[j], ARGV[j + 1], '(' .. n)
  end
end
return {total}
