// load: how long a server takes from its start until it answers, with a file to load.
//
// The file is redis-server's own, made once and read by both. It is in the page cache, so the disk
// has no part in it.

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

const dumpName = "dump.rdb"

func measureLoad(ctx context.Context, b *bench, p program) ([]reading, error) {
	return b.loadOnce(ctx, p, "load", &b.savedFile, b.loadKeys, func(s *server) error {
		_, err := fill(b.loadKeys, largeValueBytes, plainValue).run(s.addr)
		return err
	})
}

// loadOnce starts the program on a file with so many keys, which redis-server saves, once it has been filled, when
// *file is "". The readings begin with name.
func (b *bench) loadOnce(ctx context.Context, p program, name string, file *string, keys int, fill func(*server) error) ([]reading, error) {
	if *file == "" {
		if err := b.makeFile(ctx, file, fill); err != nil {
			return nil, fmt.Errorf("make a file to load: %w", err)
		}
	}
	dir, err := b.newFolder()
	if err != nil {
		return nil, err
	}
	if err := os.Link(*file, filepath.Join(dir, dumpName)); err != nil {
		return nil, err
	}
	s, err := p.start(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	cpu, err := cpuTime(s.pid)
	if err != nil {
		return nil, err
	}
	if err := expectKeys(s, keys); err != nil {
		return nil, err
	}
	return []reading{
		{name + ": start to ready", "s", s.ready.Seconds()},
		{name + ": CPU until ready", "s", cpu.Seconds()},
	}, nil
}

func (b *bench) makeFile(ctx context.Context, file *string, fill func(*server) error) error {
	s, err := b.start(ctx, b.redis)
	if err != nil {
		return err
	}
	defer s.stop()
	if err := fill(s); err != nil {
		return err
	}
	if _, err := s.control.do("SAVE"); err != nil {
		return err
	}
	*file = filepath.Join(s.dir, dumpName)
	return nil
}

func expectKeys(s *server, keys int) error {
	reply, err := s.control.do("DBSIZE")
	if err == nil && reply.Int != int64(keys) {
		err = fmt.Errorf("the server has %d keys, want %d", reply.Int, keys)
	}
	return err
}
