// go-redis: connecting in both protocols, plain commands, pipelines, optimistic transactions, scans.

package clients

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"tarn/test/harness"
)

// onBothByGoRedis runs a test with a go-redis client in both protocols on both servers.
func onBothByGoRedis(t *testing.T, test func(t *testing.T, c *redis.Client)) {
	for _, protocol := range []int{2, 3} {
		t.Run(fmt.Sprintf("protocol=%d", protocol), func(t *testing.T) {
			onBoth(t, []string{"requirepass secret"}, func(t *testing.T, s *harness.Server) {
				// By itself it gives up after 3 s and asks again, which would count twice.
				c := redis.NewClient(&redis.Options{Addr: s.Addr, Protocol: protocol, Password: "secret", ClientName: "tested", DB: 1, MaxRetries: -1,
					DialTimeout: harness.ReplyTimeout, ReadTimeout: harness.ReplyTimeout, WriteTimeout: harness.ReplyTimeout, PoolTimeout: harness.ReplyTimeout})
				defer c.Close()
				test(t, c)
			})
		})
	}
}

// expect compares a reply of go-redis.
func expect[T comparable](t *testing.T, what string, got T, err error, want T) {
	t.Helper()
	if err != nil || got != want {
		t.Errorf("%s: got %v, %v; want %v", what, got, err, want)
	}
}

func TestGoRedisCommands(t *testing.T) {
	onBothByGoRedis(t, func(t *testing.T, c *redis.Client) {
		ctx := t.Context()
		name, err := c.ClientGetName(ctx).Result()
		expect(t, "ClientGetName", name, err, "tested")
		binary := "\x00\r\n\xff"
		ok, err := c.Set(ctx, "k", binary, time.Hour).Result()
		expect(t, "Set", ok, err, "OK")
		got, err := c.Get(ctx, "k").Result()
		expect(t, "Get", got, err, binary)
		ttl, err := c.TTL(ctx, "k").Result()
		if err != nil || ttl <= 0 || ttl > time.Hour {
			t.Errorf("TTL: got %v, %v; want up to an hour", ttl, err)
		}
		if _, err := c.Get(ctx, "absent").Result(); err != redis.Nil {
			t.Errorf("Get of an absent key: %v, want redis.Nil", err)
		}
		set, err := c.SetNX(ctx, "k", "no", 0).Result()
		expect(t, "SetNX", set, err, false)
		n, err := c.IncrBy(ctx, "n", 41).Result()
		expect(t, "IncrBy", n, err, 41)
		f, err := c.IncrByFloat(ctx, "n", 0.5).Result()
		expect(t, "IncrByFloat", f, err, 41.5)
		if err := c.Incr(ctx, "n").Err(); err == nil || err.Error() != "ERR value is not an integer or out of range" {
			t.Errorf("Incr of 41.5: %v", err)
		}
		ok, err = c.MSet(ctx, "m1", "1", "m2", "2").Result()
		expect(t, "MSet", ok, err, "OK")
		values, err := c.MGet(ctx, "m1", "absent", "m2").Result()
		expect(t, "MGet", fmt.Sprint(values), err, "[1 <nil> 2]")
		bits, err := c.BitField(ctx, "bits", "SET", "u8", "0", "7", "GET", "u8", "0").Result()
		expect(t, "BitField", fmt.Sprint(bits), err, "[0 7]")
		dump, err := c.Dump(ctx, "k").Result()
		if err != nil {
			t.Fatal(err)
		}
		ok, err = c.Restore(ctx, "copy", 0, dump).Result()
		expect(t, "Restore", ok, err, "OK")
		old, err := c.GetDel(ctx, "copy").Result()
		expect(t, "GetDel", old, err, binary)
		config, err := c.ConfigGet(ctx, "maxclients").Result()
		expect(t, "ConfigGet", config["maxclients"], err, "10000")
		lcs, err := c.LCS(ctx, &redis.LCSQuery{Key1: "m1", Key2: "m1", Idx: true}).Result()
		expect(t, "LCS", lcs.Len, err, 1)
		info, err := c.Info(ctx, "keyspace").Result()
		if err != nil || !strings.Contains(info, "db1:keys=5,") {
			t.Errorf("Info: %q, %v; want 5 keys in db1", info, err)
		}
		commands, err := c.Command(ctx).Result()
		if err != nil || commands["get"] == nil || !commands["get"].ReadOnly {
			t.Errorf("Command: get is %v, %v", commands["get"], err)
		}
	})
}

func TestGoRedisPipeline(t *testing.T) {
	onBothByGoRedis(t, func(t *testing.T, c *redis.Client) {
		const commands = 5000
		ctx := t.Context()
		results, err := c.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i := range commands {
				p.Incr(ctx, fmt.Sprint("p", i%10))
			}
			return nil
		})
		if err != nil || len(results) != commands {
			t.Fatalf("%d results, %v; want %d", len(results), err, commands)
		}
		for i, r := range results {
			expect(t, fmt.Sprint("reply ", i), r.(*redis.IntCmd).Val(), r.Err(), int64(i/10+1))
		}
		results, err = c.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.Set(ctx, "t", "x", 0)
			p.Incr(ctx, "t")
			p.Get(ctx, "t")
			return nil
		})
		if err == nil || len(results) != 3 || results[1].Err() == nil || results[2].(*redis.StringCmd).Val() != "x" {
			t.Errorf("a transaction with an error inside: %v, %v", results, err)
		}
	})
}

// TestGoRedisWatch has several goroutines add to one counter by read, WATCH and MULTI: no addition
// may be lost.
func TestGoRedisWatch(t *testing.T) {
	const adders, additions = 8, 25
	onBothByGoRedis(t, func(t *testing.T, c *redis.Client) {
		var group sync.WaitGroup
		for range adders {
			group.Go(func() {
				for range additions {
					if err := addWatched(t.Context(), c, "counter"); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		group.Wait()
		n, err := c.Get(t.Context(), "counter").Int()
		expect(t, "counter", n, err, adders*additions)
	})
}

func addWatched(ctx context.Context, c *redis.Client, key string) error {
	for {
		err := c.Watch(ctx, func(tx *redis.Tx) error {
			n, err := tx.Get(ctx, key).Int()
			if err != nil && err != redis.Nil {
				return err
			}
			_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error { return p.Set(ctx, key, n+1, 0).Err() })
			return err
		}, key)
		if !errors.Is(err, redis.TxFailedErr) {
			return err
		}
	}
}

func TestGoRedisScan(t *testing.T) {
	onBothByGoRedis(t, func(t *testing.T, c *redis.Client) {
		ctx := t.Context()
		const keys = 3000
		var want []string
		_, err := c.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i := range keys {
				k := fmt.Sprintf("scan:%04d", i)
				want = append(want, k)
				p.Set(ctx, k, i, 0)
				p.Set(ctx, fmt.Sprint("other:", i), i, 0)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		it := c.Scan(ctx, 0, "scan:*", 50).Iterator()
		for it.Next(ctx) {
			got = append(got, it.Val())
		}
		slices.Sort(got)
		if got = slices.Compact(got); it.Err() != nil || !slices.Equal(got, want) {
			t.Errorf("%d keys, %v; want %d", len(got), it.Err(), len(want))
		}
	})
}
