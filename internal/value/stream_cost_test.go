// Shown here: what a stream costs. A node that Redis fills to just below 4 KiB takes a block of 4 KiB,
// and the cut of a stream copies nothing that is pending, of which a change then sets aside one block.

package value

import (
	"strings"
	"testing"

	"tarn/internal/mem"
)

func TestFullNodesFitTheirBlocks(t *testing.T) {
	heap := newStreamHeap(t)
	for _, size := range []int{1, 16, 40, 100} {
		s := NewStream(heap)
		args := [][]byte{[]byte("field_01"), []byte(strings.Repeat("x", size)), []byte("field_02"), []byte(strings.Repeat("y", size))}
		for i := range uint64(20_000) {
			if !s.Append(StreamID{1_700_000_000_000 + i/400, i % 400}, args, StreamLimits{NodeBytes: 4096, NodeEntries: 100}) {
				t.Fatal("no memory")
			}
		}
		used, blocks := 0, 0
		s.nodes.Ascend(0, func(ms uint64, r mem.Ref) bool {
			used += len(s.node(streamPlace{ms, r}).lp)
			blocks += heap.Size(r)
			if heap.Size(r) > 4096 {
				t.Errorf("values of %d bytes: a node of %d bytes takes a block of %d", size, len(s.node(streamPlace{ms, r}).lp), heap.Size(r))
			}
			return !t.Failed()
		})
		if blocks > used+used/8 {
			t.Errorf("values of %d bytes: nodes of %d bytes take %d", size, used, blocks)
		}
		for !s.Free(1000) {
		}
	}
}

func TestCutCopiesNothingPending(t *testing.T) {
	heap := newStreamHeap(t)
	s := NewStream(heap)
	g := s.AddGroup([]byte("group"), StreamID{}, NotRead)
	c, other := s.AddConsumer(g, []byte("consumer"), 1), s.AddConsumer(g, []byte("other"), 1)
	const pending = 10_000
	for i := range uint64(pending) {
		if !s.Give(g, c, StreamID{1, i + 1}, 1) {
			t.Fatal("no memory")
		}
	}
	held := int64(0)
	s.Cut(func(bytes int64) { held += bytes })
	const few = 1000 // bytes: names and numbers
	if held > few {
		t.Errorf("at the cut %d bytes are held, want no more than %d", held, few)
	}
	const changes = 10
	for i := range uint64(changes) {
		s.RemovePending(g, StreamID{1, 100 * (i + 1)})
		s.Give(g, other, StreamID{1, 100*(i+1) + 1}, 2)
	}
	if most := few + int64(2*changes)*(pendingSize+asideBytes); held > most {
		t.Errorf("after %d changes %d bytes are held, want no more than %d", 2*changes, held, most)
	}
	saved := 0
	for more := true; more; {
		var b []byte
		b, more = s.Save(nil, 4096)
		saved += len(b)
	}
	if least := pending * (streamPendingItem + streamIDSize); saved < least {
		t.Errorf("%d bytes were saved, want at least %d", saved, least)
	}
	s.EndSave()
	if held != 0 {
		t.Errorf("%d bytes are held after the save", held)
	}
	if err := s.Verify(); err != nil {
		t.Error(err)
	}
	for !s.Free(1000) {
	}
	if used := heap.Used(); used != 0 {
		t.Errorf("%d bytes are left", used)
	}
}
