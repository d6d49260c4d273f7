// Main: the program's name and first word choose what it is; the rest belongs to that.

// Command tarn is the server, and the tools that look after it and after any Redis.
//
//	tarn server [file.conf] [--directive value ...]
//	tarn check rdb|aof|backup PATH [options]
//	tarn convert IN [OUT] [options]
//
// Called as redis-server, it is "tarn server"; called as redis-check-aof or redis-check-rdb, it takes the
// arguments of those.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"tarn/internal/server"
)

const usage = `usage: tarn COMMAND

commands:
  server [FILE] [--directive value ...]   run the server
  check rdb|aof|backup PATH [options]     examine files, without a server
  convert IN [OUT] [options]              write a data set in another format
  version                                 print the version
`

func main() {
	args := make([]string, len(os.Args))
	for i, arg := range os.Args {
		args[i] = strings.Clone(arg) // the process title is written over the originals
	}
	os.Exit(run(args))
}

// run executes the command that the arguments name and returns the exit code.
func run(args []string) int {
	switch name := filepath.Base(args[0]); {
	case strings.HasPrefix(name, "redis-server"):
		return runServer(args[1:])
	case strings.HasPrefix(name, "redis-check-aof"):
		return runRedisCheckAOF(args[0], args[1:])
	case strings.HasPrefix(name, "redis-check-rdb"):
		return runRedisCheckRDB(args[0], args[1:])
	}
	if len(args) < 2 {
		return say(os.Stderr, usage, 2)
	}
	switch args[1] {
	case "server":
		return runServer(args[2:])
	case "check":
		return runCheck(args[2:])
	case "convert":
		return runConvert(args[2:])
	case "version", "--version", "-v":
		return say(os.Stdout, versionLine(), 0)
	case "help", "--help", "-h":
		return say(os.Stdout, usage, 0)
	}
	return say(os.Stderr, fmt.Sprintf("tarn: unknown command %q\n\n%s", args[1], usage), 2)
}

func say(w io.Writer, text string, code int) int {
	_, _ = io.WriteString(w, text)
	return code
}

func versionLine() string {
	return fmt.Sprintf("tarn v=%s redis=%s\n", server.Version, server.RedisVersion)
}

// runServer runs the server, or answers the two options that a redis-server has instead.
func runServer(args []string) int {
	if len(args) == 1 {
		switch args[0] {
		case "-v", "--version":
			return say(os.Stdout, server.RedisVersionLine(), 0)
		case "-h", "--help":
			return say(os.Stdout, serverUsage, 0)
		}
	}
	return server.Run(args)
}

const serverUsage = `usage: tarn server [FILE] [--directive value ...]

FILE is a configuration file in redis.conf's format; "-" reads standard input. Directives given
after it win over the file's.
`
