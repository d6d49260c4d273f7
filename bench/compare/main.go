// The order of things: flags, rounds, table.
//
// A figure is a function that starts one server, measures it, stops it and returns readings. Each
// figure is measured on both servers in every round, in the order A B, then B A, and so on, so that
// a machine which grows slower or busier does so for both. The table shows medians over the rounds.
// A figure that fails is told on standard error, the others are measured, and the exit code is 1.

// Command compare measures Tarn beside redis-server on one machine and prints a Markdown table.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// reading is one measured number. Its name and unit are those of its row in the table.
type reading struct {
	name, unit string
	value      float64
}

// figure is what one word after -only stands for.
type figure struct {
	name    string
	measure func(context.Context, *bench, program) ([]reading, error)
}

var figures = []figure{
	{"ops", measureOps},
	{"mem", measureMemory},
	{"snap", measureSnapshot},
	{"load", measureLoad},
	{"collections", measureCollections},
	{"grow", measureGrowth},
	{"conns", measureConnections},
}

// bench is one run of the command.
type bench struct {
	settings
	redis, tarn program
	folder      string // of everything on disk, removed at the end
	log         io.Writer

	// Files that redis-server wrote to be loaded; "" until they are wanted.
	savedFile, savedCollections string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

// run is the command without its process: it prints the table to out and progress to log.
func run(ctx context.Context, args []string, out, log io.Writer) (err error) {
	if runtime.GOOS != "linux" {
		return errors.New("needs Linux: it reads /proc")
	}
	s, err := parseSettings(args, log)
	if err != nil {
		return err
	}
	b := &bench{settings: s, log: log}
	if b.redis, err = newProgram("redis-server", s.redisPath, s.redisArgs); err != nil {
		return err
	}
	if b.tarn, err = newProgram("Tarn", s.tarnPath, "server "+s.tarnArgs); err != nil {
		return err
	}
	if b.folder, err = os.MkdirTemp(s.tmp, "compare-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.folder)) }()
	ctx, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()

	// A goroutine back from a blocking call must find a processor of Go's free, or the probe would
	// measure the queue for one.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(16, 4*runtime.NumCPU())))

	noise, err := startNoise()
	if err != nil {
		return err
	}
	t, failed := b.measureAll(ctx)
	t.write(out)
	fmt.Fprintf(out, "\n%s\n", describeMachine())
	fmt.Fprintf(out, "%s. Rounds: %d, seed %d.\n", noise.describe(), s.rounds, s.seed)
	return failed
}

func (b *bench) measureAll(ctx context.Context) (*table, error) {
	programs := []program{b.redis, b.tarn}
	t := newTable(b.redis.name, b.tarn.name)
	var failures []error
	for _, f := range figures {
		if !slices.Contains(b.only, f.name) {
			continue
		}
		for round := range b.rounds {
			for _, p := range programs {
				begun := time.Now()
				readings, err := f.measure(ctx, b, p)
				for _, r := range readings {
					t.add(p.name, r)
				}
				if err != nil {
					failures = append(failures, fmt.Errorf("%s of %s: %w", f.name, p.name, err))
				}
				fmt.Fprintf(b.log, "%s, round %d of %d, %s: %.1f s\n", f.name, round+1, b.rounds, p.name, time.Since(begun).Seconds())
			}
			slices.Reverse(programs)
			if ctx.Err() != nil {
				return t, errors.Join(append(failures, ctx.Err())...)
			}
		}
	}
	return t, errors.Join(failures...)
}

// newFolder makes a folder of its own for one server.
func (b *bench) newFolder() (string, error) { return os.MkdirTemp(b.folder, "server-") }

// start starts a server in a fresh folder.
func (b *bench) start(ctx context.Context, p program, directives ...string) (*server, error) {
	dir, err := b.newFolder()
	if err != nil {
		return nil, err
	}
	return p.start(ctx, dir, directives...)
}

// pause waits, but no longer than the run may last.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// absolute makes a path good for a process in another folder. A bare name is looked up in PATH later.
func absolute(path string) (string, error) {
	if !strings.ContainsRune(path, filepath.Separator) {
		return path, nil
	}
	return filepath.Abs(path)
}
