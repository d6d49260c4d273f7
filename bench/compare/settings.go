// Every size, time and choice is a flag; -quick only changes their defaults.

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

const (
	smallValueBytes = 64  // of ops, mem and grow
	largeValueBytes = 400 // of snap and load
	fillConns       = 4
	fillDepth       = 64
)

type settings struct {
	redisPath, redisArgs string
	tarnPath, tarnArgs   string
	tmp                  string
	only                 []string
	quick                bool
	rounds               int
	seed                 uint64
	limit                time.Duration

	settle time.Duration // quiet before memory is read

	opsKeys, opsBigKeys, opsConns, opsRequests int
	opsTime                                    time.Duration

	memKeys int

	snapKeys, snapWriters, snapDepth int
	snapBefore, snapLimit            time.Duration

	loadKeys, growKeys, probeRate int

	collElements, collSmall int

	conns     int
	connsIdle time.Duration
}

var usual = settings{
	rounds: 3, seed: 1, limit: time.Hour, settle: time.Second,
	opsKeys: 1_000_000, opsConns: 50, opsRequests: 20_000_000, opsTime: 4 * time.Second,
	memKeys:  1_000_000,
	snapKeys: 1_000_000, snapWriters: 4, snapDepth: 16, snapBefore: 5 * time.Second, snapLimit: 5 * time.Minute,
	loadKeys: 1_000_000, growKeys: 5_000_000, probeRate: 1000,
	collElements: 1_000_000, collSmall: 50_000,
	conns: 5000, connsIdle: 4 * time.Second,
}

var quick = settings{
	rounds: 1, seed: 1, limit: 5 * time.Minute, settle: 20 * time.Millisecond,
	opsKeys: 2000, opsConns: 50, opsRequests: 20_000, opsTime: 50 * time.Millisecond,
	memKeys:  10_000,
	snapKeys: 20_000, snapWriters: 4, snapDepth: 16, snapBefore: 200 * time.Millisecond, snapLimit: time.Minute,
	loadKeys: 10_000, growKeys: 20_000, probeRate: 1000,
	collElements: 5000, collSmall: 300,
	conns: 50, connsIdle: 20 * time.Millisecond,
}

// parseSettings reads the command line twice if need be: -quick decides the defaults of the rest.
func parseSettings(args []string, log io.Writer) (settings, error) {
	s, err := parseOver(usual, args, log)
	if err == nil && s.quick {
		s, err = parseOver(quick, args, log)
	}
	return s, err
}

func parseOver(s settings, args []string, log io.Writer) (settings, error) {
	fs := flag.NewFlagSet("compare", flag.ContinueOnError)
	fs.SetOutput(log)
	var only string
	fs.StringVar(&s.redisPath, "redis", "redis-server", "the redis-server, which is also the judge of saved files")
	fs.StringVar(&s.redisArgs, "redis-args", "", "more `directives` for it, as in '--io-threads 2'")
	fs.StringVar(&s.tarnPath, "tarn", "bin/tarn", "the Tarn binary")
	fs.StringVar(&s.tarnArgs, "tarn-args", "", "more `directives` for it")
	fs.StringVar(&s.tmp, "tmp", "", "where the servers' `folders` are made (default: the system's place for them)")
	fs.StringVar(&only, "only", strings.Join(figureNames(), ","), "the `figures` to measure")
	fs.BoolVar(&s.quick, "quick", false, "sizes so small that the numbers mean nothing: does it run at all?")
	fs.IntVar(&s.rounds, "rounds", s.rounds, "how often each figure is measured")
	fs.Uint64Var(&s.seed, "seed", s.seed, "of all random keys")
	fs.DurationVar(&s.limit, "limit", s.limit, "end the run after this long")
	fs.DurationVar(&s.settle, "settle", s.settle, "quiet before memory or CPU is read")
	fs.IntVar(&s.opsKeys, "ops-keys", s.opsKeys, "keys under the operations")
	fs.IntVar(&s.opsBigKeys, "ops-big-keys", s.opsBigKeys, "GET once more over this many keys, at pipeline 16 (0: not; 5000000 takes long)")
	fs.IntVar(&s.opsConns, "ops-conns", s.opsConns, "connections that operate")
	fs.IntVar(&s.opsRequests, "ops-requests", s.opsRequests, "at most this many requests a measurement")
	fs.DurationVar(&s.opsTime, "ops-time", s.opsTime, "and at most this long")
	fs.IntVar(&s.memKeys, "mem-keys", s.memKeys, "keys whose memory is measured")
	fs.IntVar(&s.snapKeys, "snap-keys", s.snapKeys, "keys saved")
	fs.IntVar(&s.snapWriters, "snap-writers", s.snapWriters, "connections that overwrite them")
	fs.IntVar(&s.snapDepth, "snap-depth", s.snapDepth, "their pipeline")
	fs.DurationVar(&s.snapBefore, "snap-before", s.snapBefore, "how long they write before the save")
	fs.DurationVar(&s.snapLimit, "snap-limit", s.snapLimit, "how long a save may take")
	fs.IntVar(&s.loadKeys, "load-keys", s.loadKeys, "keys in the file that is loaded")
	fs.IntVar(&s.growKeys, "grow-keys", s.growKeys, "keys to grow to")
	fs.IntVar(&s.probeRate, "probe-rate", s.probeRate, "GETs a second of the probe")
	fs.IntVar(&s.collElements, "coll-elements", s.collElements, "elements of a large value")
	fs.IntVar(&s.collSmall, "coll-small", s.collSmall, "small values of each type")
	fs.IntVar(&s.conns, "conns", s.conns, "idle connections")
	fs.DurationVar(&s.connsIdle, "conns-idle", s.connsIdle, "how long they are idle before memory is read")
	if err := fs.Parse(args); err != nil {
		return s, err
	}
	s.only = strings.Split(only, ",")
	return s, s.check(fs.Args())
}

func (s *settings) check(rest []string) error {
	if len(rest) > 0 {
		return fmt.Errorf("arguments not understood: %q", rest)
	}
	for _, name := range s.only {
		if !slices.Contains(figureNames(), name) {
			return fmt.Errorf("-only: no figure %q; there are %s", name, strings.Join(figureNames(), ", "))
		}
	}
	least := min(s.rounds, s.opsKeys, s.opsConns, s.opsRequests, s.memKeys, s.snapWriters, s.snapDepth,
		s.loadKeys, s.growKeys, s.probeRate, s.conns, s.collElements, s.collSmall, s.opsBigKeys+1)
	if least < 1 || s.snapKeys < s.snapWriters {
		return errors.New("sizes must be positive, with a key for each writer")
	}
	return nil
}

func figureNames() (names []string) {
	for _, f := range figures {
		names = append(names, f.name)
	}
	return names
}
