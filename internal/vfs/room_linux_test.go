//go:build linux && (amd64 || arm64)

// Shows what is made of the kernel's figures of a quota, and that the limit of files is asked for.

package vfs

import (
	"encoding/binary"
	"math"
	"syscall"
	"testing"
)

func TestQuotaLeft(t *testing.T) {
	if got := binary.Size(diskQuota{}); got != 72 {
		t.Errorf("a quota has %d bytes, and the kernel's 72", got)
	}
	const both = hasBlockLimits | hasSpace
	for _, tc := range []struct {
		q       diskQuota
		left    int64
		limited bool
	}{
		{q: diskQuota{hardBlocks: 100, bytes: 1000, valid: both}, left: 100*1024 - 1000, limited: true},
		{q: diskQuota{hardBlocks: 100, softBlocks: 1, bytes: 100 * 1024, valid: both}, limited: true},
		{q: diskQuota{hardBlocks: 100, bytes: 1 << 40, valid: both}, limited: true},
		{q: diskQuota{hardBlocks: math.MaxUint64, bytes: 5, valid: both}, left: math.MaxInt64/1024*1024 - 5, limited: true},
		{q: diskQuota{softBlocks: 100, bytes: 1000, valid: both}},
		{q: diskQuota{hardBlocks: 100, bytes: 1000, valid: hasSpace}},
		{q: diskQuota{hardBlocks: 100, bytes: 1000, valid: hasBlockLimits}},
	} {
		if left, limited := tc.q.left(); left != tc.left || limited != tc.limited {
			t.Errorf("%+v: %d left, limited %t; want %d, %t", tc.q, left, limited, tc.left, tc.limited)
		}
	}
}

func TestFileLimit(t *testing.T) {
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	const limit = 1 << 44 // larger than any file that others write meanwhile
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
			t.Error(err)
		}
	}()
	if got, err := (OS{}).Room(t.TempDir()); got.File != limit || err != nil {
		t.Errorf("files may have %d bytes (%v), want %d", got.File, err, int64(limit))
	}
}
