// Loading of streams: from the items of Save, and of older files (stream_save.go).
//
// Everything is checked, since the items may come from anywhere: nodes deeply, the order of IDs, that
// counts are right, that every pending entry belongs to one consumer.

package value

import (
	"encoding/binary"
	"errors"
	"fmt"

	"tarn/internal/mem"
)

// Errors of StreamBuilder.
var (
	ErrStream         = errors.New("corrupt stream")
	ErrStreamNoMemory = errors.New("no memory for a stream")
)

// StreamBuilder makes a stream from items. After an error, Abort must be called.
type StreamBuilder struct {
	s        *Stream
	lastNode StreamID // ID of the last entry so far
	live     int

	started   bool
	old       bool   // of a version without the number of entries ever added
	seen      uint64 // nodes that came before the header
	nodes     uint64 // to come
	groups    uint64
	group     *StreamGroup // being read
	pending   uint64       // entries of it still to come
	consumers uint64
	anyNumber bool // of consumers: it was not said
	consumer  *StreamConsumer
	held      uint64 // entries of the consumer still to come
	unowned   uint64 // entries of the group that no consumer holds yet
}

// consumersUnknown, as the number of a group's consumers, says that it is not known.
const consumersUnknown = 1<<64 - 1

// NewStreamBuilder returns a builder of a stream in h. The lock of h's shard is held for every call.
func NewStreamBuilder(h *mem.Heap) *StreamBuilder { return &StreamBuilder{s: NewStream(h)} }

// Add takes the next item, without its length, and copies it. Errors: ErrStream and ErrStreamNode,
// wrapped; ErrStreamNoMemory.
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

// Finish returns the stream. Errors: ErrStream, wrapped.
func (b *StreamBuilder) Finish() (*Stream, error) {
	if !b.started || b.nodes != 0 || b.groups != 0 || b.midGroup() {
		return nil, b.corrupt("missing items")
	}
	return b.s, nil
}

// Abort gives back what was built.
func (b *StreamBuilder) Abort() {
	for !b.s.Free(1 << 10) {
	}
}

func (b *StreamBuilder) corrupt(what string) error { return fmt.Errorf("%w: %s", ErrStream, what) }

// midGroup tells whether items of the last group are missing.
func (b *StreamBuilder) midGroup() bool {
	return b.pending != 0 || b.consumers != 0 || b.held != 0 || b.unowned != 0
}

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
	b.old = r.kind == streamItemOldHead
	b.nodes, s.length, b.groups, s.added = r.word(), r.word(), r.word(), r.word()
	s.lastID, s.firstID, s.deleted = r.id(), r.id(), r.id()
	if r.short || len(r.rest) != 0 || b.started {
		return b.corrupt("header")
	}
	if b.seen > 0 && b.seen != b.nodes {
		return b.corrupt("number of nodes")
	}
	b.nodes -= b.seen
	if b.old {
		s.added = s.length
	}
	b.started = true
	if b.nodes == 0 {
		return b.endNodes()
	}
	return nil
}

func (b *StreamBuilder) addNode(r *streamItem) error {
	master := r.id()
	if r.short || b.started && b.nodes == 0 {
		return b.corrupt("node")
	}
	live, first, last, err := validateStreamNode(master, r.rest)
	if err != nil {
		return err
	}
	if !b.lastNode.Less(first) {
		return b.corrupt("order of nodes")
	}
	if !b.s.addNode(master, r.rest) {
		return ErrStreamNoMemory
	}
	b.lastNode = last
	b.live += live
	if !b.started {
		b.seen++
		return nil
	}
	if b.nodes--; b.nodes == 0 {
		return b.endNodes()
	}
	return nil
}

// endNodes checks the header against the nodes.
func (b *StreamBuilder) endNodes() error {
	s := b.s
	if uint64(b.live) != s.length {
		return b.corrupt("number of entries")
	}
	s.findFirst()
	if s.lastID.Less(s.LastEntryID()) {
		return b.corrupt("last ID")
	}
	if !s.dropTombstones(s.lastID) {
		return ErrStreamNoMemory
	}
	return nil
}

func (b *StreamBuilder) addGroup(r *streamItem) error {
	incomplete := b.midGroup()
	read := int64(r.word())
	b.pending, b.consumers = r.word(), r.word()
	last := r.id()
	if b.anyNumber = b.consumers == consumersUnknown; b.anyNumber {
		b.consumers = 0
	}
	if r.short || !b.started || b.nodes != 0 || b.groups == 0 || incomplete {
		return b.corrupt("group")
	}
	if b.s.Group(r.rest) != nil {
		return b.corrupt("two groups of one name")
	}
	if r.kind == streamItemOldGroup {
		read = b.s.CountTo(last)
	}
	b.group, b.consumer, b.held, b.unowned = b.s.AddGroup(r.rest, last, read), nil, 0, b.pending
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
			return ErrStreamNoMemory
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
	if !s.insert(g.pending, p.ID, p.ref) {
		s.free(p.ref)
		return false
	}
	return true
}

func (b *StreamBuilder) addConsumer(r *streamItem) error {
	seen, active := int64(r.word()), int64(r.word())
	held := r.word()
	if r.short || b.group == nil || b.pending != 0 || b.held != 0 || b.consumers == 0 && !b.anyNumber || held > b.unowned {
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
	if !b.anyNumber {
		b.consumers--
	}
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
		if !b.s.insert(b.consumer.pending, p.ID, p.ref) {
			return ErrStreamNoMemory
		}
		b.s.writePending(&p)
		b.held--
		b.unowned--
	}
	return nil
}
