// Loading: values built anew from their elements, as files and payloads give them.
//
// A loader gathers small values in Go memory, in the bytes that the key will hold, and goes on in blocks
// of the key's heap once they outgrow that; only Store makes the outcome a key's. So what turns out
// to be bad or too large leaves nothing behind, if it is discarded. Elements may come from anywhere:
// what is there twice is refused.
//
// What must hold: the shard of the key that Begin was given is locked during each call; between calls
// it need not be. A loader ends in Store or Discard and may then begin again; it keeps its buffers.

package value

import (
	"cmp"
	"errors"
	"slices"

	"tarn/internal/intset"
	"tarn/internal/invariant"
	"tarn/internal/keyspace"
	"tarn/internal/listpack"
	"tarn/internal/mem"
)

// What is wrong with elements that are loaded.
var (
	ErrDuplicate = errors.New("value: the same member twice")
	ErrNoElement = errors.New("value: a collection without elements")
	ErrBadStream = errors.New("value: the parts of a stream do not fit")
	ErrMoved     = errors.New("value: the key is no longer in the shard in which its value was begun")
)

// Loader builds one collection at a time. Its zero value is ready to Begin.
type Loader struct {
	typ    keyspace.Type
	heap   *mem.Heap
	limits *keyspace.Limits

	packed []byte // the small form, or empty
	spare  []byte // a buffer for another
	alt    bool   // of an intset, or with deadlines
	small  bool
	scored []Scored // of a small sorted set, its members in names
	names  []byte

	set  *bigSet
	zset *bigZSet
	list *listNodes
	hash *bigHash

	ahead []aheadOf // elements of a table that are not in it yet
	texts []byte    // theirs

	stream *StreamBuilder
}

// aheadOf is an element that waits until its bucket is near.
type aheadOf struct {
	hash        uint64
	name, value int // bytes of texts: the name, then the value
	number      uint64
	numbered    bool
}

const (
	mostAhead      = 32
	mostAheadBytes = 4 << 10
)

// Begin begins a collection of type t, to be stored in k or another key of its shard.
func (l *Loader) Begin(k *keyspace.Key, t keyspace.Type) {
	invariant.Check(l.set == nil && l.zset == nil && l.list == nil && l.hash == nil && l.stream == nil, "the loader's last collection was stored or discarded")
	l.typ, l.heap, l.limits = t, k.Heap(), k.Limits()
	l.packed, l.scored, l.names = l.packed[:0], l.scored[:0], l.names[:0]
	l.ahead, l.texts = l.ahead[:0], l.texts[:0]
	l.small, l.alt = true, false
	switch t {
	case keyspace.Set:
		l.packed, l.alt = intset.AppendNew(l.packed), true
	case keyspace.List, keyspace.Hash:
		l.packed = listpack.AppendNew(l.packed)
	case keyspace.Stream:
		l.small, l.stream = false, NewStreamBuilder(l.heap)
	}
}

// StorePacked makes k hold bytes that were checked, of no matter which origin, if its limits allow that
// shape: else it reports false, and the elements are to be added one by one. An Alt hash is given
// without what precedes its listpack. Errors: ErrNoElement, keyspace.ErrOutOfMemory.
func StorePacked(k *keyspace.Key, t keyspace.Type, shape keyspace.Shape, b []byte) (stored bool, err error) {
	limits := k.Limits()
	entries, most := 0, 0
	if shape == keyspace.Alt && t == keyspace.Set {
		entries, most = intset.Len(b), limits.SetIntsetEntries
	} else {
		entries = listpack.Count(b)
	}
	switch t {
	case keyspace.Set:
		if shape == keyspace.Pack {
			most = limits.SetPackEntries
		}
	case keyspace.ZSet:
		entries, most = entries/2, limits.ZSetPackEntries
	case keyspace.Hash:
		stride := plainStride
		if shape == keyspace.Alt {
			stride = timedStride
		}
		entries, most = entries/stride, limits.HashPackEntries
	case keyspace.List:
		var bytes int
		if bytes, most = packLimit(limits.ListPackSize); len(b) > bytes {
			return false, nil
		}
	}
	switch {
	case entries == 0:
		return false, ErrNoElement
	case entries > most:
		return false, nil
	case t == keyspace.Hash && shape == keyspace.Alt:
		return true, storeTimed(k, b)
	}
	return true, k.SetPacked(t, shape, b)
}

// AddMember adds a member of a set. Errors: ErrDuplicate, keyspace.ErrOutOfMemory.
func (l *Loader) AddMember(member []byte) error {
	if !l.small {
		return l.spreadMember(member)
	}
	if l.alt {
		n, isInt := listpack.Integer(member)
		switch {
		case isInt && intset.Len(l.packed) < min(l.limits.SetIntsetEntries, maxIntsetLen):
			var added bool
			if l.packed, added = intset.Add(l.packed, n); !added {
				return ErrDuplicate
			}
			return nil
		case !isInt && intsFitPack(l.limits, l.packed, member):
			l.packed, l.spare, l.alt = appendPackOfInts(l.spare[:0], l.packed), l.packed, false
		default:
			return l.spreadSet(member)
		}
	}
	if listpack.Find(l.packed, listpack.First(l.packed), member, 0) >= 0 {
		return ErrDuplicate
	}
	if !packTakes(l.limits, l.packed, member) {
		return l.spreadSet(member)
	}
	l.packed = listpack.Append(l.packed, member)
	return nil
}

// spreadSet moves a small set to a table, with a member more.
func (l *Loader) spreadSet(member []byte) error {
	l.small, l.set = false, newBigSet(l.heap)
	shape := keyspace.Pack
	if l.alt {
		shape = keyspace.Alt
	}
	err := l.set.addAll(func(fn func(m Member) bool) { eachPacked(shape, l.packed, fn) })
	if err != nil {
		return err
	}
	return l.spreadMember(member)
}

func (l *Loader) spreadMember(member []byte) error {
	return l.lookAhead(element{name: member})
}

// lookAhead asks for the bucket of an element, which is added when others have been asked for too: over a
// large table nearly all the time is spent waiting for buckets. Errors: those of settle.
func (l *Loader) lookAhead(e element) error {
	t := l.table()
	large := len(e.name)+len(e.value) > mostAheadBytes-len(l.texts)
	if large || len(l.ahead) == mostAhead {
		if err := l.settle(); err != nil {
			return err
		}
	}
	if large {
		return l.enter(t, t.find(e.name), e)
	}
	l.ahead = append(l.ahead, aheadOf{t.PrefetchIndex(e.name), len(e.name), len(e.value), e.number, e.numbered})
	l.texts = append(append(l.texts, e.name...), e.value...)
	return nil
}

// settle adds all elements that wait. Errors: ErrDuplicate, keyspace.ErrOutOfMemory.
func (l *Loader) settle() error {
	t, texts := l.table(), l.texts
	for i := range l.ahead {
		a := &l.ahead[i]
		e := element{name: texts[:a.name:a.name], value: texts[a.name:][:a.value:a.value], number: a.number, numbered: a.numbered}
		texts = texts[a.name+a.value:]
		if err := l.enter(t, t.findHashed(a.hash, e.name), e); err != nil {
			return err
		}
	}
	l.ahead, l.texts = l.ahead[:0], l.texts[:0]
	return nil
}

// enter adds an element at its place. Errors: ErrDuplicate, keyspace.ErrOutOfMemory.
func (l *Loader) enter(t *table, p place, e element) error {
	entered := false
	switch {
	case p.found():
		return ErrDuplicate
	case l.zset != nil:
		entered = l.zset.insertElement(p, e)
	case l.hash != nil:
		entered = l.hash.swap(p, e)
	default:
		entered = t.put(p, e) != 0
	}
	if !entered {
		return keyspace.ErrOutOfMemory
	}
	return nil
}

// table returns the collection's table, nil if it has none.
func (l *Loader) table() *table {
	switch {
	case l.set != nil:
		return l.set.table
	case l.zset != nil:
		return l.zset.table
	case l.hash != nil:
		return l.hash.table
	}
	return nil
}

// AddScored adds a member of a sorted set; its score is not NaN. Errors: ErrDuplicate,
// keyspace.ErrOutOfMemory.
func (l *Loader) AddScored(member []byte, score float64) error {
	if l.small && (len(l.scored) >= l.limits.ZSetPackEntries || len(member) > l.limits.ZSetPackValue) {
		l.small, l.zset = false, newBigZSet(l.heap)
		for i := range l.scored {
			if err := l.spreadScored(l.scored[i].Member, l.scored[i].Score); err != nil {
				return err
			}
		}
	}
	if !l.small {
		return l.spreadScored(member, score)
	}
	if cap(l.names)-len(l.names) < len(member) {
		l.names = make([]byte, 0, max(2*cap(l.names), len(member), 1<<10)) // those before stay where they are
	}
	start := len(l.names)
	l.names = append(l.names, member...)
	l.scored = append(l.scored, Scored{l.names[start:], score})
	return nil
}

func (l *Loader) spreadScored(member []byte, score float64) error {
	return l.lookAhead(scoredElement(member, score))
}

// storeScored makes k hold a small sorted set.
func (l *Loader) storeScored(k *keyspace.Key) error {
	slices.SortFunc(l.scored, func(a, b Scored) int { return slices.Compare(a.Member, b.Member) })
	for i := 1; i < len(l.scored); i++ {
		if slices.Equal(l.scored[i-1].Member, l.scored[i].Member) {
			return ErrDuplicate
		}
	}
	slices.SortStableFunc(l.scored, func(a, b Scored) int { return cmp.Compare(a.Score, b.Score) })
	return k.SetPacked(keyspace.ZSet, keyspace.Pack, packScored(l.scored))
}

// AddElement adds an element to the end of a list. Errors: keyspace.ErrOutOfMemory.
func (l *Loader) AddElement(elem []byte) error {
	if l.small {
		bytes, elements := packLimit(l.limits.ListPackSize)
		if len(l.packed)+listpack.Size(elem) <= bytes && listpack.Count(l.packed) < elements {
			l.packed = listpack.Append(l.packed, elem)
			return nil
		}
		if err := l.spreadList(); err != nil {
			return err
		}
	}
	if !l.list.push(elem, false) {
		return keyspace.ErrOutOfMemory
	}
	l.list.settleEnd(false)
	return nil
}

// AddNode adds the elements of a listpack to the end of a list. Errors: keyspace.ErrOutOfMemory.
func (l *Loader) AddNode(lp []byte) error {
	if l.small {
		bytes, elements := packLimit(l.limits.ListPackSize)
		if listpack.Count(l.packed) == 0 && len(lp) <= bytes && listpack.Count(lp) <= elements {
			l.packed = append(l.packed[:0], lp...)
			return nil
		}
		if err := l.spreadList(); err != nil {
			return err
		}
	}
	if !l.list.appendPack(lp) {
		return keyspace.ErrOutOfMemory
	}
	l.list.settleEnd(false)
	return nil
}

// spreadList moves a small list to leaves.
func (l *Loader) spreadList() error {
	l.small, l.list = false, newListNodes(l.heap, limitOfLeaves(l.limits))
	if !l.list.appendPack(l.packed) {
		return keyspace.ErrOutOfMemory
	}
	return nil
}

// AddField adds a field of a hash, with a deadline in Unix ms, or 0. Errors: ErrDuplicate,
// keyspace.ErrOutOfMemory.
func (l *Loader) AddField(field, value []byte, deadline int64) error {
	if l.small && deadline != 0 && !l.alt {
		l.timeFields()
	}
	if l.small && !l.takesField(field, value) {
		if err := l.spreadHash(); err != nil {
			return err
		}
	}
	if !l.small {
		return l.spreadField(field, value, deadline)
	}
	stride := plainStride
	if l.alt {
		stride = timedStride
	}
	if listpack.Find(l.packed, listpack.First(l.packed), field, stride-1) >= 0 {
		return ErrDuplicate
	}
	l.packed = listpack.Append(listpack.Append(l.packed, field), value)
	if l.alt {
		l.packed = listpack.AppendInt(l.packed, deadline)
	}
	return nil
}

// takesField tells whether a small hash may hold another field.
func (l *Loader) takesField(field, value []byte) bool {
	fields := listpack.Count(l.packed) / plainStride
	if l.alt {
		fields = listpack.Count(l.packed) / timedStride
	}
	return fields < l.limits.HashPackEntries && len(field) <= l.limits.HashPackValue &&
		len(value) <= l.limits.HashPackValue && len(l.packed)+len(field)+len(value) <= maxPackBytes
}

// timeFields makes room for the deadlines of a small hash.
func (l *Loader) timeFields() {
	timed := listpack.AppendNew(nil)
	var room [integerDigits]byte
	for at := listpack.First(l.packed); at >= 0; {
		for range plainStride {
			var v listpack.Value
			v, at = listpack.Read(l.packed, at)
			timed = listpack.Append(timed, textOf(v, &room))
		}
		timed = listpack.AppendInt(timed, 0)
	}
	l.packed, l.alt = timed, true
}

// spreadHash moves a small hash to a table.
func (l *Loader) spreadHash() error {
	l.small, l.hash = false, newBigHash(l.heap)
	var name, text [integerDigits]byte
	for at := listpack.First(l.packed); at >= 0; {
		var field, value, end listpack.Value
		field, at = listpack.Read(l.packed, at)
		value, at = listpack.Read(l.packed, at)
		if l.alt {
			end, at = listpack.Read(l.packed, at)
		}
		if err := l.spreadField(textOf(field, &name), textOf(value, &text), end.Int); err != nil {
			return err
		}
	}
	return nil
}

func (l *Loader) spreadField(field, value []byte, deadline int64) error {
	return l.lookAhead(element{name: field, value: value, number: uint64(deadline), numbered: deadline != 0})
}

// AddPart adds a part of a stream, as an item (stream_save.go).
// Errors: ErrBadStream, keyspace.ErrOutOfMemory.
func (l *Loader) AddPart(item []byte) error { return l.stream.Add(item) }

// storeTimed makes k hold a small hash whose fields have deadlines, the bytes of triples.
func storeTimed(k *keyspace.Key, triples []byte) error {
	return k.SetPacked(keyspace.Hash, keyspace.Alt, append(keyspace.AppendDue(nil, soonestOf(triples)), triples...))
}

// soonestOf returns the soonest deadline in a listpack of fields, values and deadlines.
func soonestOf(triples []byte) int64 {
	soonest := keyspace.NoDeadline
	for at := listpack.First(triples); at >= 0; {
		var end listpack.Value
		_, at = listpack.Read(triples, at)
		_, at = listpack.Read(triples, at)
		end, at = listpack.Read(triples, at)
		if end.Int != 0 && (soonest == keyspace.NoDeadline || end.Int < soonest) {
			soonest = end.Int
		}
	}
	return soonest
}

// Store makes k, whatever it held, hold what was loaded; its deadline stays. Errors: ErrNoElement,
// ErrDuplicate, ErrBadStream, ErrMoved, keyspace.ErrOutOfMemory: k has not changed, and the loader is to be
// discarded.
func (l *Loader) Store(k *keyspace.Key) error {
	if l.heap != k.Heap() {
		return ErrMoved
	}
	if l.small {
		return l.storeSmall(k)
	}
	err := l.settle()
	if err != nil {
		return err
	}
	switch l.typ {
	case keyspace.Set:
		err = k.SetBig(keyspace.Set, l.set)
	case keyspace.ZSet:
		err = k.SetBig(keyspace.ZSet, l.zset)
	case keyspace.List:
		err = k.SetBig(keyspace.List, l.list)
	case keyspace.Hash:
		if err = k.SetBig(keyspace.Hash, l.hash); err == nil {
			k.SetFieldsDue(l.hash.due())
		}
	case keyspace.Stream:
		var s *Stream
		if s, err = l.stream.Finish(); err != nil {
			return err
		}
		err = k.SetBig(keyspace.Stream, s)
	}
	if err == nil {
		l.forget()
	}
	return err
}

func (l *Loader) storeSmall(k *keyspace.Key) error {
	switch l.typ {
	case keyspace.Set:
		if l.alt && intset.Len(l.packed) > 0 {
			return k.SetPacked(keyspace.Set, keyspace.Alt, l.packed)
		}
		if !l.alt {
			return k.SetPacked(keyspace.Set, keyspace.Pack, l.packed)
		}
	case keyspace.ZSet:
		if len(l.scored) > 0 {
			return l.storeScored(k)
		}
	case keyspace.List:
		if listpack.Count(l.packed) > 0 {
			return k.SetPacked(keyspace.List, keyspace.Pack, l.packed)
		}
	case keyspace.Hash:
		switch {
		case listpack.Count(l.packed) == 0:
		case l.alt:
			return storeTimed(k, l.packed)
		default:
			return k.SetPacked(keyspace.Hash, keyspace.Pack, l.packed)
		}
	}
	return ErrNoElement
}

// forget lets go of what a key has now.
func (l *Loader) forget() { l.set, l.zset, l.list, l.hash, l.stream = nil, nil, nil, nil, nil }

// Discard gives back what was loaded, unless a key has it.
func (l *Loader) Discard() {
	switch {
	case l.set != nil:
		l.set.freeAll()
	case l.zset != nil:
		l.zset.freeAll()
	case l.list != nil:
		l.list.freeAll()
	case l.hash != nil:
		l.hash.freeAll()
	case l.stream != nil:
		l.stream.Abort()
	}
	l.forget()
}
