// collections: one large value of each type and many small ones; saved while clients write into the large
// ones as fast as they can, written to right after a cut, and loaded.
//
// Redis pays for a write during a save by pages that are copied, Tarn by parts of the value that the save
// needs: the first write after a cut shows what one part costs.

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tarn/internal/resp"
)

const (
	smallElements = 10 // of each small value
	fillBatch     = 500
	cutsProbed    = 5
	elementDigits = "element:%012d"
	fieldValue    = "a value of 24 bytes each"
	intReply      = "1\r\n" // what follows ':' in the reply of a command that adds one or none
)

func element(n int) string { return fmt.Sprintf(elementDigits, n) }

// shape is a type: how a value of it is filled, and what the writers send. Two numbers are drawn for each
// write: n is an element that is there, at is any number.
type shape struct {
	name  string
	add   func(words []string, n int) []string // the words that add element n, after the command and the key
	fill  string                               // the command
	write func(n, at int) []string
	reply string // how the reply of write begins
	extra int    // how many bytes of it follow
}

var shapes = []shape{
	{"hash", func(w []string, n int) []string { return append(w, element(n), fieldValue) }, "HSET",
		func(n, at int) []string { return []string{"HSET", "big:hash", element(n), fieldValue} }, ":", len(intReply)},
	{"zset", func(w []string, n int) []string { return append(w, fmt.Sprintf("%012d", n), element(n)) }, "ZADD",
		func(n, at int) []string { return []string{"ZADD", "big:zset", fmt.Sprintf("%012d", at), element(n)} }, ":", len(intReply)},
	{"list", func(w []string, n int) []string { return append(w, element(n)) }, "RPUSH",
		func(n, at int) []string { return []string{"RPOPLPUSH", "big:list", "big:list"} }, fmt.Sprintf("$%d\r\n", len(element(0))), len(element(0)) + len("\r\n")},
	{"set", func(w []string, n int) []string { return append(w, element(n)) }, "SADD",
		func(n, at int) []string { return []string{"SADD", "big:set", element(at)} }, ":", len(intReply)},
}

// fillCollections makes a value of each type with so many elements, and so many with few.
func (b *bench) fillCollections(s *server) error {
	c, err := dial(s.addr)
	if err != nil {
		return err
	}
	defer c.close()
	asked := 0
	ask := func(words ...string) error {
		c.ask(words...)
		if asked++; asked%fillBatch != 0 {
			return nil
		}
		return c.settle(fillBatch)
	}
	for _, sh := range shapes {
		for n := 0; n < b.collElements; n += fillBatch {
			words := []string{sh.fill, "big:" + sh.name}
			for i := n; i < min(n+fillBatch, b.collElements); i++ {
				words = sh.add(words, i)
			}
			if _, err := c.do(words...); err != nil {
				return err
			}
		}
		for key := range b.collSmall {
			words := []string{sh.fill, fmt.Sprintf("small:%s:%d", sh.name, key)}
			for i := range smallElements {
				words = sh.add(words, key+i)
			}
			if err := ask(words...); err != nil {
				return err
			}
		}
	}
	return c.settle(asked % fillBatch)
}

// settle sends what was asked and reads the replies.
func (c *conn) settle(replies int) error {
	if err := c.flush(); err != nil {
		return err
	}
	for range replies {
		if _, err := c.answer(); err != nil {
			return err
		}
	}
	return nil
}

func measureCollections(ctx context.Context, b *bench, p program) ([]reading, error) {
	s, err := b.start(ctx, p)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	if err := b.fillCollections(s); err != nil {
		return nil, err
	}
	first, err := firstWrites(ctx, b, s)
	if err != nil {
		return nil, err
	}
	under, err := saveUnderWrites(ctx, b, s)
	if err != nil {
		return nil, err
	}
	load, err := b.loadOnce(ctx, p, "collections", &b.savedCollections, len(shapes)*(1+b.collSmall), b.fillCollections)
	return append(append(first, under...), load...), err
}

// firstWrites is how long the first write into each large value takes after a cut, with nobody else writing:
// the longest of several.
func firstWrites(ctx context.Context, b *bench, s *server) (readings []reading, err error) {
	longest := make([]time.Duration, len(shapes))
	for range cutsProbed {
		if _, err := s.control.do("BGSAVE"); err != nil {
			return nil, err
		}
		for i, sh := range shapes {
			begun := time.Now()
			if _, err := s.control.do(sh.write(b.collElements/2, b.collElements/2)...); err != nil {
				return nil, err
			}
			longest[i] = max(longest[i], time.Since(begun))
		}
		if err := b.awaitSave(ctx, s); err != nil {
			return nil, err
		}
	}
	for i, sh := range shapes {
		readings = append(readings, reading{"collections: first write after a cut, " + sh.name, "µs", float64(longest[i].Microseconds())})
	}
	return readings, nil
}

// saveUnderWrites saves while a connection for each type writes into its large value at full rate.
func saveUnderWrites(ctx context.Context, b *bench, s *server) (readings []reading, err error) {
	var all []*traffic
	defer func() {
		for _, t := range all {
			err = errors.Join(err, t.stop())
		}
	}()
	for i, sh := range shapes {
		t, err := sh.traffic(b, uint64(i)).begin(s.addr)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	acked := func() (sum int64) {
		for _, t := range all {
			sum += t.acked()
		}
		return sum
	}
	sampling, stopSampling := context.WithCancel(ctx)
	defer stopSampling()
	var samples []sample
	sampled := make(chan error, 1)
	go func() {
		var err error
		samples, err = sampleMemory(sampling, s.pid)
		sampled <- err
	}()
	var moments [3]time.Time
	var writes [3]int64
	mark := func(i int) { moments[i], writes[i] = time.Now(), acked() }
	mark(0)
	if err := b.letWrite(ctx, acked); err != nil {
		return nil, err
	}
	mark(1)
	if _, err := s.control.do("BGSAVE"); err != nil {
		return nil, err
	}
	if err := b.awaitSave(ctx, s); err != nil {
		return nil, err
	}
	mark(2)
	stopSampling()
	if err := <-sampled; err != nil {
		return nil, err
	}
	rate := func(i int) float64 { return float64(writes[i+1]-writes[i]) / moments[i+1].Sub(moments[i]).Seconds() }
	return []reading{
		{"collections: peak extra memory of a save", "MiB", peakExtra(samples, moments) / bytesPerMiB},
		{"collections: writes/s before", "1/s", rate(0)},
		{"collections: writes/s during ÷ before", "×", rate(1) / rate(0)},
		{"collections: duration of the save", "s", moments[2].Sub(moments[1]).Seconds()},
	}, nil
}

// traffic is a connection that writes a shape's large value.
func (sh *shape) traffic(b *bench, stream uint64) work {
	encode := func(n, at int) []byte {
		var args [][]byte
		for _, word := range sh.write(n, at) {
			args = append(args, []byte(word))
		}
		return resp.AppendCommand(nil, args...)
	}
	w := work{lanes: 1, depth: b.snapDepth, requests: unlimited, limit: forever}
	w.command = command{request: encode(0, 0), reply: sh.reply, extra: sh.extra}
	w.prepare = func(int) func([]byte) {
		pick := b.numbers(stream)
		return func(request []byte) { copy(request, encode(pick(b.collElements), pick(2*b.collElements))) }
	}
	return w
}
