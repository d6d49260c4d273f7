#!/bin/sh
# Makes the golden files: redis-server saves keys of every string shape, and lists what it holds (the
# same in every file of a version): database, deadline or -1, length, SHA-1 of the value, key.
# Usage: ./make.sh   (needs redis-server and redis-cli; names the files by the server's version)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'redis-cli -s "$work/socket" shutdown nosave >/dev/null 2>&1 || true; rm -rf "$work"' EXIT

fill='
redis.call("FLUSHALL")
local words = {"alpha ", "beta;", "gamma=", "delta,", "42"}
local function text(length)
  local parts, size = {}, 0
  while size < length do
    local word = words[math.random(#words)]
    parts[#parts + 1], size = word, size + #word
  end
  return string.sub(table.concat(parts), 1, length)
end
local function noise(length)
  local parts = {}
  for i = 1, length do parts[i] = string.char(math.random(0, 255)) end
  return table.concat(parts)
end
redis.call("SELECT", 0)
for _, n in ipairs({"0", "-1", "127", "128", "-128", "-129", "32767", "32768", "-32768", "-32769",
    "2147483647", "2147483648", "-2147483648", "-2147483649", "9223372036854775807", "-9223372036854775808",
    "007", "-0", "+5", "3.0"}) do
  redis.call("SET", "number " .. n, n)
  redis.call("SET", n, "key " .. n)
end
for _, length in ipairs({0, 1, 20, 21, 44, 45, 63, 64, 65, 264, 265, 1000, 4000}) do
  redis.call("SET", "text " .. length, text(length))
  redis.call("SET", "noise " .. length, noise(length))
  redis.call("SET", "same " .. length, string.rep("x", length))
end
redis.call("SET", "long text", text(70000))
redis.call("SET", string.rep("long key ", 30), "value")
redis.call("SELECT", 9)
redis.call("SET", "deadline", "far away", "PXAT", 4102444800123)
redis.call("SET", "17", 34, "PXAT", 4102444800000)
redis.call("SELECT", 15)
redis.call("SET", "", "the empty key")
return "OK"'

list='
local lines = {}
for _, db in ipairs({0, 9, 15}) do
  redis.call("SELECT", db)
  for _, key in ipairs(redis.call("KEYS", "*")) do
    local value = redis.call("GET", key)
    lines[#lines + 1] = string.format("%d %s %d %s %s", db, redis.call("PEXPIRETIME", key), #value, redis.sha1hex(value), key)
  end
end
table.sort(lines)
return lines'

make() { # subject, then the directives
	subject=$1; shift
	redis-server --port 0 --unixsocket "$work/socket" --dir "$work" --save "" --daemonize yes "$@" >/dev/null
	until redis-cli -s "$work/socket" ping >/dev/null 2>&1; do :; done
	version=$(redis-cli -s "$work/socket" info server | sed -n 's/^redis_version:\([0-9.]*\).*/\1/p')
	redis-cli -s "$work/socket" eval "$fill" 0
	redis-cli -s "$work/socket" save
	redis-cli -s "$work/socket" eval "$list" 0 >"$here/$version.txt"
	redis-cli -s "$work/socket" shutdown nosave
	while redis-cli -s "$work/socket" ping >/dev/null 2>&1; do :; done
	mv "$work/dump.rdb" "$here/$version-$subject.rdb"
}

make strings
make raw --rdbcompression no --rdbchecksum no
make lru --maxmemory 1gb --maxmemory-policy allkeys-lru
make lfu --maxmemory 1gb --maxmemory-policy allkeys-lfu
