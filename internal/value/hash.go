// Hash: fields with values, and with deadlines where they are asked for.
//
// A few short fields are kept as a listpack: field and value by turns (Pack), or, once a field has had
// a deadline, field, value and deadline, 0 for none, behind the soonest deadline (Alt). Others are in
// a table (hash_big.go). A hash moves on to the table at the limits Redis does, and never back.
//
// A field past its deadline is not seen from that moment on; it is deleted by the sweep, or by the
// next command that changes the hash.
//
// What must hold: the key's shard is locked; what is handed out is borrowed until the hash changes; a
// key with an empty hash does not exist. Reading, and changing one field of a hash that keeps its
// shape, allocates no Go memory.

package value

import (
	"fmt"
	"math/rand/v2"

	"tarn/internal/keyspace"
	"tarn/internal/listpack"
	"tarn/internal/mem"
)

// Item is a field or a value: an integer when IsInt, else a string.
type Item = listpack.Value

// Strides of a listpack: its elements to a field.
const (
	plainStride = 2
	timedStride = 3
)

// Hash is the hash in one key. To be made by HashAt or HashIn.
type Hash struct {
	key *keyspace.Key
	*HashState
}

// HashState is what a Hash knows besides its key. It stands apart, so that neither need be made on Go's
// heap for each command: Go would put the key there if one struct held both.
type HashState struct {
	now    int64    // fields that have ended by now are not seen
	lp     []byte   // Pack and Alt
	base   int      // bytes before lp in what the key holds
	stride int      // of lp
	big    *bigHash // InBig

	draft *[]byte // what Begin has started: DueBytes, then lp
	loose bool    // big is the draft's, no key's
}

// HashAt returns the hash in a key, empty when the key is absent, as of now in Unix ms. Errors:
// keyspace.ErrWrongType.
func HashAt(k *keyspace.Key, now int64) (Hash, error) { return HashIn(new(HashState), k, now) }

// HashIn is HashAt with room of the caller's, which is the hash's for as long as that is used.
func HashIn(room *HashState, k *keyspace.Key, now int64) (Hash, error) {
	*room = HashState{now: now, stride: plainStride}
	h := Hash{key: k, HashState: room}
	if !k.Exists() {
		return h, nil
	}
	if err := k.CheckType(keyspace.Hash); err != nil {
		return h, err
	}
	h.load()
	return h, nil
}

// load takes what the key holds.
func (h *Hash) load() {
	h.lp, h.big, h.base, h.stride, h.draft = nil, nil, 0, plainStride, nil
	if !h.key.Exists() {
		return
	}
	switch h.key.Shape() {
	case keyspace.InBig:
		h.big = h.key.Big().(*bigHash)
	case keyspace.Alt:
		h.base, h.stride = keyspace.DueBytes, timedStride
		fallthrough
	default:
		h.lp = h.key.Packed()[h.base:]
	}
}

// Len returns the number of fields.
func (h *Hash) Len() int {
	switch {
	case h.big != nil:
		return h.big.live(h.now)
	case h.lp == nil:
		return 0
	case !h.hasEnded():
		return h.stored()
	}
	live := 0
	h.Each(func(_, _ Item, _ int64) bool {
		live++
		return true
	})
	return live
}

// stored returns the number of fields in the listpack, those that have ended too.
func (h *Hash) stored() int {
	if h.lp == nil {
		return 0
	}
	return listpack.Count(h.lp) / h.stride
}

// hasEnded tells whether some field in the listpack may have ended.
func (h *Hash) hasEnded() bool {
	if h.stride == plainStride {
		return false
	}
	if h.draft != nil {
		return true
	}
	due := h.key.FieldsDue()
	return due != keyspace.NoDeadline && due <= h.now
}

// find returns the offset in the listpack of a field, seen or not, or -1.
func (h *Hash) find(field []byte) int {
	if h.lp == nil {
		return -1
	}
	return listpack.Find(h.lp, listpack.First(h.lp), field, h.stride-1)
}

// valueAt returns the offset of the value of the field at at.
func (h *Hash) valueAt(at int) int { return at + listpack.EntrySize(h.lp, at) }

// endAt returns the deadline of the field at at, 0 when it has none.
func (h *Hash) endAt(at int) int64 {
	if h.stride == plainStride {
		return 0
	}
	at = h.valueAt(at)
	return listpack.Get(h.lp, at+listpack.EntrySize(h.lp, at)).Int
}

// isPast tells whether a deadline, 0 for none, has passed.
func (h *Hash) isPast(deadline int64) bool { return deadline != 0 && deadline <= h.now }

// Get returns the value of a field.
func (h *Hash) Get(field []byte) (value Item, ok bool) {
	value, _, ok = h.GetTimed(field)
	return value, ok
}

// GetTimed returns the value of a field and its deadline, NoDeadline when it has none.
func (h *Hash) GetTimed(field []byte) (value Item, deadline int64, ok bool) {
	if h.big != nil {
		p := h.big.find(field)
		if !p.found() {
			return Item{}, 0, false
		}
		e := h.big.at(p)
		if h.isPast(int64(e.number)) {
			return Item{}, 0, false
		}
		return Item{Str: e.value}, endOf(int64(e.number)), true
	}
	at := h.find(field)
	if at < 0 {
		return Item{}, 0, false
	}
	if deadline = h.endAt(at); h.isPast(deadline) {
		return Item{}, 0, false
	}
	return listpack.Get(h.lp, h.valueAt(at)), endOf(deadline), true
}

// endOf turns a stored deadline, 0 for none, into one as keyspace has it.
func endOf(deadline int64) int64 {
	if deadline == 0 {
		return keyspace.NoDeadline
	}
	return deadline
}

// Each hands the fields with their values and deadlines to fn, in no order, until it returns false. fn
// must not change the hash.
func (h *Hash) Each(fn func(field, value Item, deadline int64) bool) {
	if h.big != nil {
		h.big.each(func(r mem.Ref) bool { return h.show(r, fn) })
		return
	}
	if h.lp == nil {
		return
	}
	for at := listpack.First(h.lp); at >= 0; {
		var field, value, end Item
		field, at = listpack.Read(h.lp, at)
		value, at = listpack.Read(h.lp, at)
		if h.stride == timedStride {
			end, at = listpack.Read(h.lp, at)
		}
		if !h.isPast(end.Int) && !fn(field, value, endOf(end.Int)) {
			return
		}
	}
}

// Pieces is Each of a hash InBig that can be left and gone on with: each call hands fields to fn until
// it says false, and a few more, and tells whether any may be left. It is for keyspace.Key.Read: the
// key is not used.
func (h *Hash) Pieces() func(fn func(field, value Item) bool) (more bool) {
	reader := &Hash{HashState: &HashState{big: h.big, now: h.now}}
	next := h.big.pieces()
	return func(fn func(field, value Item) bool) bool {
		return next(func(r mem.Ref) bool {
			return reader.show(r, func(field, value Item, _ int64) bool { return fn(field, value) })
		})
	}
}

// show hands the field in block r to fn, unless it has ended, and returns what fn does.
func (h *Hash) show(r mem.Ref, fn func(field, value Item, deadline int64) bool) bool {
	e := h.big.read(r)
	return h.isPast(int64(e.number)) || fn(Item{Str: e.name}, Item{Str: e.value}, endOf(int64(e.number)))
}

// Scan hands some fields to fn, all of a small hash, and returns the cursor to go on with, 0 at the
// end. A scan begins with 0. A field that stays is handed out at least once.
func (h *Hash) Scan(cursor uint64, fn func(field, value Item)) (next uint64) {
	if h.big == nil {
		h.Each(func(field, value Item, _ int64) bool {
			fn(field, value)
			return true
		})
		return 0
	}
	return h.big.scan(cursor, func(r mem.Ref) {
		h.show(r, func(field, value Item, _ int64) bool {
			fn(field, value)
			return true
		})
	})
}

// randomTries is how many fields that have ended Random draws before it goes through all.
const randomTries = 32

// Random returns a random field of a hash that has some. All have nearly the same chance.
func (h *Hash) Random(source *rand.Rand) (field, value Item) {
	if h.big != nil {
		for range randomTries {
			if e := h.big.read(h.big.random(source)); !h.isPast(int64(e.number)) {
				return Item{Str: e.name}, Item{Str: e.value}
			}
		}
	} else if !h.hasEnded() {
		at := listpack.Seek(h.lp, source.IntN(h.stored())*h.stride)
		return listpack.Get(h.lp, at), listpack.Get(h.lp, h.valueAt(at))
	}
	left := source.IntN(h.Len())
	h.Each(func(f, v Item, _ int64) bool {
		field, value = f, v
		left--
		return left >= 0
	})
	return field, value
}

// Draw hands count random fields to fn, of a hash that has some; each is drawn from all.
func (h *Hash) Draw(source *rand.Rand, count int64, fn func(field, value Item)) {
	if h.big != nil {
		for range count {
			fn(h.Random(source))
		}
		return
	}
	var room [createRoom]int32
	places := room[:0]
	for at := listpack.First(h.lp); at >= 0; {
		if !h.isPast(h.endAt(at)) {
			places = append(places, int32(at))
		}
		for range h.stride {
			_, at = listpack.Read(h.lp, at)
		}
	}
	for range count {
		at := int(places[source.IntN(len(places))])
		fn(listpack.Get(h.lp, at), listpack.Get(h.lp, h.valueAt(at)))
	}
}

// sampleSparse is how many fields there are for each wanted, where it is faster to draw them.
const sampleSparse = 8

// Sample hands count different random fields to fn, of which there are as many.
func (h *Hash) Sample(source *rand.Rand, count int, fn func(field, value Item)) {
	left := h.Len()
	if h.big == nil || count > left/sampleSparse {
		h.Each(func(field, value Item, _ int64) bool {
			if source.IntN(left) < count {
				count--
				fn(field, value)
			}
			left--
			return count > 0
		})
		return
	}
	drawn := make(map[string]struct{}, count)
	for len(drawn) < count {
		field, value := h.Random(source)
		if _, again := drawn[string(field.Str)]; !again {
			drawn[string(field.Str)] = struct{}{}
			fn(field, value)
		}
	}
}

// IsLarge tells whether the hash is in a table, where changes take effect one by one.
func (h *Hash) IsLarge() bool { return h.big != nil }

// Verify reads all of the hash and returns the first thing found wrong, or nil.
func (h *Hash) Verify() error {
	if h.big != nil {
		if due := h.big.due(); due != h.key.FieldsDue() {
			return fmt.Errorf("value: the soonest field ends at %d, the key says %d", due, h.key.FieldsDue())
		}
		return h.big.Verify()
	}
	if h.lp == nil {
		return nil
	}
	if err := listpack.Validate(h.lp); err != nil {
		return fmt.Errorf("value: hash: %w", err)
	}
	if n := listpack.Count(h.lp); n == 0 || n%h.stride != 0 {
		return fmt.Errorf("value: a hash of %d elements", n)
	}
	if h.stride == timedStride && h.due() != h.key.FieldsDue() {
		return fmt.Errorf("value: the soonest field ends at %d, the key says %d", h.due(), h.key.FieldsDue())
	}
	for at := listpack.First(h.lp); at >= 0; {
		field, next := listpack.Read(h.lp, at)
		var room [integerDigits]byte
		if h.find(textOf(field, &room)) != at {
			return fmt.Errorf("value: field %q is there twice", textOf(field, &room))
		}
		for range h.stride - 1 {
			_, next = listpack.Read(h.lp, next)
		}
		at = next
	}
	return nil
}
