// Checking: the arguments of "tarn check", and of redis-check-aof and redis-check-rdb.

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"

	"tarn/internal/check"
	"tarn/internal/clock"
	"tarn/internal/server"
	"tarn/internal/vfs"
)

const checkUsage = `usage: tarn check rdb FILE [--for SERVER|VERSION] [--load-what-you-can]
       tarn check aof DIR|MANIFEST|FILE [--fix] [--truncate-to-timestamp SECONDS] [--until 'COMMAND [PATTERN ...]'] [--yes]
       tarn check backup DIR

Reads as a server would, decodes every value, and says what is wrong, where, and what a repair loses.

  --for SERVER|VERSION             say what of the file would not load in redis-6.2, valkey-8.0, ..., or in what reads that
                                   version of RDB, and what a file written for it (tarn convert) could not express
  --load-what-you-can              read a newer file as a server with that directive does, and list what that leaves out
  --fix                            cut off what is damaged at the end of the log
  --truncate-to-timestamp SECONDS  cut off what happened after that Unix time (needs aof-timestamp-enabled)
  --until 'COMMAND [PATTERN ...]'  cut off the first command of that name whose arguments fit, and all after it
  --yes                            cut without asking

Exit code: 0 good, or good now; with --for, loaded there as it is; 1 anything else.
`

func newTool() *check.Tool {
	st, err := os.Stdout.Stat()
	return &check.Tool{
		Files: vfs.OS{}, In: os.Stdin, Out: os.Stdout, Clock: clock.System{},
		Terminal: err == nil && st.Mode()&os.ModeCharDevice != 0, Pid: os.Getpid(),
	}
}

func exitCode(good bool) int {
	if good {
		return 0
	}
	return 1
}

// runCheck is "tarn check".
func runCheck(args []string) int {
	if len(args) == 0 {
		return say(os.Stderr, checkUsage, 1)
	}
	var o check.LogOptions
	var until, target string
	var rdb check.RDBOptions
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	if args[0] == "rdb" {
		flags.StringVar(&target, "for", "", "")
		flags.BoolVar(&rdb.WhatYouCan, "load-what-you-can", false, "")
	}
	if args[0] == "aof" {
		flags.BoolVar(&o.Fix, "fix", false, "")
		flags.BoolVar(&o.Yes, "yes", false, "")
		flags.Int64Var(&o.Through, "truncate-to-timestamp", 0, "")
		flags.StringVar(&until, "until", "", "")
	}
	paths, code, ok := parse(flags, args[1:], checkUsage)
	if !ok {
		return code
	}
	if len(paths) != 1 {
		return say(os.Stderr, checkUsage, 1)
	}
	t := newTool()
	switch args[0] {
	case "rdb":
		if target != "" {
			server, err := check.ParseTarget(target)
			if err != nil {
				return say(os.Stderr, "tarn check: "+err.Error()+"\n", 1)
			}
			rdb.For = &server
		}
		return exitCode(t.RDB(paths[0], rdb))
	case "backup":
		return exitCode(t.Backup(paths[0]))
	case "aof":
		if until != "" {
			if o.Until, ok = check.ParseMatch(until); !ok {
				return say(os.Stderr, fmt.Sprintf("tarn check: not a command: %s\n", until), 1)
			}
		}
		o.Look = check.Commands
		return exitCode(t.Log(paths[0], o))
	}
	return say(os.Stderr, checkUsage, 1)
}

// parse reads options and other arguments in any order. When ok is false, what there is to say has
// been said, and the process is to end with code.
func parse(flags *flag.FlagSet, args []string, usage string) (rest []string, code int, ok bool) {
	flags.SetOutput(io.Discard)
	for {
		switch err := flags.Parse(args); {
		case errors.Is(err, flag.ErrHelp):
			return nil, say(os.Stdout, usage, 0), false
		case err != nil:
			return nil, say(os.Stderr, fmt.Sprintf("tarn: %s\n\n%s", err, usage), 1), false
		}
		if flags.NArg() == 0 {
			return rest, 0, true
		}
		rest = append(rest, flags.Arg(0))
		args = flags.Args()[1:]
	}
}

// runRedisCheckRDB takes redis-check-rdb's arguments, with the name that it was called by.
func runRedisCheckRDB(name string, args []string) int {
	switch {
	case len(args) != 1:
		return say(os.Stderr, "Usage: "+name+" <rdb-file-name>\n", 1)
	case args[0] == "-v" || args[0] == "--version":
		return say(os.Stdout, "redis-check-rdb "+server.RedisVersion+"\n", 0)
	}
	return exitCode(newTool().RDB(args[0], check.RDBOptions{}))
}

// runRedisCheckAOF takes redis-check-aof's arguments, with the name that it was called by.
func runRedisCheckAOF(name string, args []string) int {
	usage := "Usage: " + name + " [--fix|--truncate-to-timestamp $timestamp] <file.manifest|file.aof>\n"
	o := check.LogOptions{Redis: true}
	switch {
	case len(args) == 1:
	case len(args) == 2 && args[0] == "--fix":
		o.Fix = true
	case len(args) == 3 && args[0] == "--truncate-to-timestamp":
		at, err := strconv.ParseInt(args[1], 10, 64)
		if err != nil {
			return say(os.Stdout, "Invalid timestamp, aborting...\n", 1)
		}
		o.Through = at
	default:
		return say(os.Stdout, usage, 1)
	}
	return exitCode(newTool().Log(args[len(args)-1], o))
}
