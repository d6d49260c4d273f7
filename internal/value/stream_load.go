// Loading of streams: from the items of Save, and of older files (stream_save.go).
//
// The header may come before the nodes, as Save hands them out, or behind them, as it stands in files.
// Everything is checked, since the items may come from anywhere: nodes deeply, the order of IDs, that
// counts are right, that every pending entry belongs to one consumer.

package value

import (
	"encoding/binary"
	"fmt"

	"tarn/internal/keyspace"
	"tarn/internal/mem"
)

// StreamBuilder makes a stream from items. After an error, Abort must be called.
type StreamBuilder struct {
	s    *Stream
	last StreamID // of the last entry so far
	live uint64

	headed    bool
	nodes     uint64 // so far
	wantNodes uint64
	groups    uint64 // still to come
	group     *StreamGroup
	pending   uint64 // entries of the group still to come
	unowned   uint64 // entries of the group that no consumer holds yet
	consumer  *StreamConsumer
	held      uint64 // entries of the consumer still to come
}

// NewStreamBuilder returns a builder of a stream in h. The lock of h's shard is held for every call.
func NewStreamBuilder(h *mem.Heap) *StreamBuilder { return &StreamBuilder{s: NewStream(h)} }

// Add takes the next item, without its length, and copies it. Errors: ErrBadStream, wrapped;
// keyspace.ErrOutOfMemory.
func (b *StreamBuilder) Add(item []byte) error {
	if len(item) == 0 {
		return b.corrupt("empty item")
	}
	r := streamItem{kind: item[0], rest: item[1:]}
	switch r.kind {
	case streamItemHead, streamItemOldHead:
		return b.addHead(&r)
	case streamItemNode:
		return b.addNode(&r)
	case streamItemGroup, streamItemOldGroup:
		return b.addGroup(&r)
	case streamItemPending:
		return b.addPending(&r)
	case streamItemConsumer, streamItemOldReader:
		return b.addConsumer(&r)
	case streamItemHeld:
		return b.addHeld(&r)
	}
	return b.corrupt("kind of item")
}

// Finish returns the stream. Errors: ErrBadStream, wrapped.
func (b *StreamBuilder) Finish() (*Stream, error) {
	if !b.hasNodes() || b.groups != 0 || b.inGroup() {
		return nil, b.corrupt("missing items")
	}
	return b.s, nil
}

// Abort gives back what was built.
func (b *StreamBuilder) Abort() {
	for !b.s.Free(1 << 10) {
	}
}

func (b *StreamBuilder) corrupt(what string) error { return fmt.Errorf("%w: %s", ErrBadStream, what) }

// hasNodes tells whether the header and all nodes have come.
func (b *StreamBuilder) hasNodes() bool { return b.headed && b.nodes == b.wantNodes }

// inGroup tells whether items of the last group are missing.
func (b *StreamBuilder) inGroup() bool { return b.pending != 0 || b.held != 0 || b.unowned != 0 }

// streamItem reads an item. Once something is missing, it reads zeros.
type streamItem struct {
	kind  byte
	rest  []byte
	short bool
}

func (r *streamItem) take(n int) []byte {
	if len(r.rest) < n {
		r.short, r.rest = true, nil
		return make([]byte, n)
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *streamItem) word() uint64 { return binary.LittleEndian.Uint64(r.take(8)) }

func (r *streamItem) id() StreamID { return readStreamID(r.take(streamIDSize)) }

func (b *StreamBuilder) addHead(r *streamItem) error {
	s := b.s
	b.wantNodes, s.length, b.groups, s.added = r.word(), r.word(), r.word(), r.word()
	s.lastID, s.firstID, s.deleted = r.id(), r.id(), r.id()
	if r.short || len(r.rest) != 0 || b.headed || b.nodes > b.wantNodes {
		return b.corrupt("header")
	}
	if r.kind == streamItemOldHead {
		s.added = s.length
	}
	b.headed = true
	return b.endNodes()
}

func (b *StreamBuilder) addNode(r *streamItem) error {
	master := r.id()
	if r.short || b.hasNodes() {
		return b.corrupt("node")
	}
	live, first, last, err := validateStreamNode(master, r.rest)
	if err != nil {
		return err
	}
	if b.nodes > 0 && !b.last.Less(first) {
		return b.corrupt("order of nodes")
	}
	if !b.s.addNode(master, r.rest) {
		return keyspace.ErrOutOfMemory
	}
	b.last = last
	b.live += uint64(live)
	b.nodes++
	return b.endNodes()
}

// endNodes checks the header against the nodes, once they have come.
func (b *StreamBuilder) endNodes() error {
	s := b.s
	if !b.hasNodes() {
		return nil
	}
	if b.live != s.length {
		return b.corrupt("number of entries")
	}
	s.findFirst()
	if s.lastID.Less(s.LastEntryID()) {
		return b.corrupt("last ID")
	}
	if !s.dropTombstones(s.lastID) {
		return keyspace.ErrOutOfMemory
	}
	return nil
}

func (b *StreamBuilder) addGroup(r *streamItem) error {
	if !b.hasNodes() || b.groups == 0 || b.inGroup() {
		return b.corrupt("group")
	}
	read := int64(r.word())
	b.pending, _ = r.word(), r.word() // how many consumers a group has is not always known
	last := r.id()
	if r.short || b.s.Group(r.rest) != nil {
		return b.corrupt("group")
	}
	if r.kind == streamItemOldGroup {
		read = b.s.CountTo(last)
	}
	b.group, b.consumer, b.unowned = b.s.AddGroup(r.rest, last, read), nil, b.pending
	b.groups--
	return nil
}

func (b *StreamBuilder) addPending(r *streamItem) error {
	if b.group == nil || b.consumer != nil || uint64(len(r.rest)/streamPendingItem) > b.pending || len(r.rest)%streamPendingItem != 0 {
		return b.corrupt("pending entries")
	}
	for len(r.rest) > 0 {
		p := StreamPending{ID: r.id(), Time: int64(r.word()), Count: r.word()}
		if b.s.lookup(b.group.pending, p.ID) != 0 {
			return b.corrupt("an ID is pending twice")
		}
		if !b.s.addUnowned(b.group, p) {
			return keyspace.ErrOutOfMemory
		}
		b.pending--
	}
	return nil
}

// addUnowned adds a pending entry that no consumer holds.
func (s *Stream) addUnowned(g *StreamGroup, p StreamPending) bool {
	if p.ref = s.alloc(pendingSize); p.ref == 0 {
		return false
	}
	s.writePending(&p)
	if !s.insert(g.pending, p.ID.Ms, p.ref) {
		s.free(p.ref)
		return false
	}
	return true
}

func (b *StreamBuilder) addConsumer(r *streamItem) error {
	seen, active := int64(r.word()), int64(r.word())
	held := r.word()
	if r.short || b.group == nil || b.pending != 0 || b.held != 0 || held > b.unowned {
		return b.corrupt("consumer")
	}
	if b.group.Consumer(r.rest) != nil {
		return b.corrupt("two consumers of one name")
	}
	if r.kind == streamItemOldReader {
		active = seen
	}
	b.consumer, b.held = b.s.AddConsumer(b.group, r.rest, seen), held
	b.consumer.Active = active
	return nil
}

func (b *StreamBuilder) addHeld(r *streamItem) error {
	if b.consumer == nil || uint64(len(r.rest)/streamIDSize) > b.held || len(r.rest)%streamIDSize != 0 {
		return b.corrupt("entries of a consumer")
	}
	for len(r.rest) > 0 {
		p, found := b.s.FindPending(b.group, r.id())
		if !found || p.Consumer != nil {
			return b.corrupt("an entry of a consumer is not pending, or another's")
		}
		p.Consumer = b.consumer
		if !b.s.insert(b.consumer.pending, p.ID.Ms, p.ref) {
			return keyspace.ErrOutOfMemory
		}
		b.s.writePending(&p)
		b.held--
		b.unowned--
	}
	return nil
}
