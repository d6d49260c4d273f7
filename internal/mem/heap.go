// The heap: blocks named by 4-byte refs.
//
// A heap is one range of address space, reserved at once and opened in steps, cut into 4 KiB pages.
// Blocks of up to 8 KiB stand in spans (span.go), larger ones are runs of pages (run.go); pages.go
// knows which pages are free. A tag per page says what stands there. All records are kept outside
// the pages and outside Go's heap, in areas that open along with the pages, so that an idle heap
// costs a few pages and Go's collector has nothing to look at.
//
// A heap has no lock: the caller holds the lock of the shard that the heap belongs to for every call
// except Used, UsedFor and Base. Nothing here allocates Go memory.

// Package mem is the off-heap allocator: blocks named by refs, counted to the byte by purpose.
package mem

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"unsafe"

	"tarn/internal/invariant"
)

// Ref names a block of a heap, in units of 8 bytes from its base. 0 is none.
type Ref uint32

const (
	// MaxReserve is the address space that refs reach, in bytes.
	MaxReserve = 32 << 30
	minReserve = 16 << 20

	openStepMin = 256 << 10 >> pageShift // pages
	openStepMax = 4 << 20 >> pageShift   // pages
	recordStep  = 64 << 10               // bytes, of the areas of records
)

// A tag says what begins at, or covers, a page: the low byte is 0 for nothing, 1 + class for a span's
// pages, tagRun for the first page of a run, tagAway for the first page of a detached one. The other
// bits are the span's number or the run's pages. The later pages of a run have no tag.
const (
	tagRun   = 0x80
	tagAway  = 0x81
	tagShift = 8
)

// Options shape a heap. The zero value is the usual one.
type Options struct {
	Reserve   uint64      // address space in bytes, 0: MaxReserve; less is taken where less is to be had
	Limit     uint64      // the most bytes of it to open, 0: all
	HugePages bool        // let the kernel back the blocks with huge pages
	Owned     func() bool // in invariants builds: says whether the caller holds the owner's lock
	FailAfter int         // for tests: the number of openings after which the OS refuses, 0: never
}

// Heap is a range of memory of one owner.
type Heap struct {
	base    unsafe.Pointer
	tags    []uint32
	spans   []span
	current [classes]*span // the span that Alloc takes blocks from
	tally   *[Purposes]Tally

	partial [classes]partialSpans
	none    *span // stands in current where there is none: it has no room

	pages  pageMap
	opened uint32 // pages that are open
	limit  uint32 // pages that may be opened

	spanTop    uint32 // span records ever used; the first is none
	spareSpan  uint32 // first span record to use again, linked through next
	spanCount  uint64
	spanPages  uint64
	runCount   uint64
	runPages   uint64
	awayPages  uint64 // detached
	sweep      uint32 // page below which releasing looks on
	marked     int    // spans marked for defragmentation
	openStep   uint64 // pages: the least to open at once
	opens      int    // openings asked for, for FailAfter
	failAfter  int
	data       area
	tagArea    area
	spanArea   area
	freeArea   area
	dirtyArea  area
	fixedArea  area // tallies and summaries
	owned      func() bool
	watch      watcher // invariants builds only
	osPageSize uint32
	closed     atomic.Bool
}

// ErrClosed is returned by Close when it has been called before.
var ErrClosed = errors.New("mem: heap is closed")

// Reserve returns how much address space each of a number of heaps should reserve: MaxReserve, or
// an even part of half of what the process may have, where that is limited (ulimit -v).
func Reserve(heaps int) uint64 {
	limit := addressLimit()
	if limit == 0 {
		return MaxReserve
	}
	share := limit / 2 / uint64(max(heaps, 1))
	return min(max(share&^(hugePage-1), minReserve), MaxReserve)
}

// NewHeap reserves address space for a heap; memory is taken as blocks are. Where the address space
// is limited, it halves the reservation until it succeeds. Errors: the OS's, wrapped.
func NewHeap(o Options) (*Heap, error) {
	size := o.Reserve
	if size == 0 {
		size = MaxReserve
	}
	size = min(max((size+hugePage-1)&^(hugePage-1), minReserve), MaxReserve)
	for {
		h, err := newHeap(size, o)
		if err == nil {
			return h, nil
		}
		if size /= 2; size < minReserve {
			return nil, err
		}
		size &^= hugePage - 1
	}
}

func newHeap(size uint64, o Options) (*Heap, error) {
	h := &Heap{
		limit:      uint32(size >> pageShift),
		failAfter:  o.FailAfter,
		owned:      o.Owned,
		osPageSize: uint32(syscall.Getpagesize()),
		spanTop:    1,
		openStep:   openStepMin,
	}
	if o.Limit != 0 {
		h.limit = uint32(min(size, o.Limit) >> pageShift)
	}
	if err := h.reserveAreas(size); err != nil {
		return nil, errors.Join(err, h.unmap())
	}
	if o.HugePages {
		adviseHuge(h.data.bytes)
		h.openStep = hugePage >> pageShift // the kernel gives none to a range that is open in part
	}
	h.base = unsafe.Pointer(&h.data.bytes[0])
	h.tags = sliceOf[uint32](&h.tagArea)
	h.spans = sliceOf[span](&h.spanArea)
	h.none = &h.spans[0]
	for c := range h.current {
		h.current[c] = h.none
	}
	h.watch.init()
	return h, nil
}

// reserveAreas reserves the blocks' range and the records', and opens what an empty heap needs.
func (h *Heap) reserveAreas(size uint64) (err error) {
	pages := size >> pageShift
	nodes := summaryNodes(pages)
	tallyBytes := uint64(unsafe.Sizeof(*h.tally))
	fixedBytes := roundUp(tallyBytes+nodes*uint64(unsafe.Sizeof(summary{})), recordStep)
	for _, r := range []struct {
		area  *area
		size  uint64
		align bool
	}{
		{&h.data, size, true},
		{&h.tagArea, roundUp(pages*4, recordStep), false},
		{&h.spanArea, roundUp(spanRecords(pages)*uint64(unsafe.Sizeof(span{})), recordStep), false},
		{&h.freeArea, roundUp(pages/8, recordStep), false},
		{&h.dirtyArea, roundUp(pages/8, recordStep), false},
		{&h.fixedArea, fixedBytes, false},
	} {
		if *r.area, err = reserve(r.size, r.align); err != nil {
			return err
		}
	}
	if err := h.fixedArea.openTo(fixedBytes, recordStep); err != nil {
		return err
	}
	if err := h.openRecords(0); err != nil {
		return err
	}
	h.tally = (*[Purposes]Tally)(unsafe.Pointer(&h.fixedArea.bytes[0]))
	h.pages.free = sliceOf[uint64](&h.freeArea)
	h.pages.dirty = sliceOf[uint64](&h.dirtyArea)
	h.pages.init(pages, unsafe.Slice((*summary)(unsafe.Pointer(&h.fixedArea.bytes[tallyBytes])), nodes))
	return nil
}

// spanRecords is the number of span records that a number of pages can need: one span is three
// pages or more, and the first record is none.
func spanRecords(pages uint64) uint64 { return pages/3 + 2 }

// openRecords opens the records for a number of pages. The page map reads whole chunks.
func (h *Heap) openRecords(pages uint64) error {
	whole := roundUp(pages, chunkPages)
	return errors.Join(
		h.tagArea.openTo(max(whole*4, 1), recordStep),
		h.spanArea.openTo(spanRecords(pages)*uint64(unsafe.Sizeof(span{})), recordStep),
		h.freeArea.openTo(max(whole/8, 1), recordStep),
		h.dirtyArea.openTo(max(whole/8, 1), recordStep),
	)
}

func (h *Heap) metadataBytes() uint64 {
	pages := uint64(h.opened)
	return roundUp(pages*4, pageSize) + roundUp(uint64(h.spanTop)*uint64(unsafe.Sizeof(span{})), pageSize) +
		2*roundUp(pages/8, pageSize) + roundUp(pages>>chunkShift*uint64(unsafe.Sizeof(summary{})), pageSize) +
		2*pageSize + uint64(unsafe.Sizeof(*h))
}

// Close gives all memory back; every ref and view is dead. In invariants builds it first checks the
// heap and says what was not freed, by purpose. Errors: ErrClosed, a leak, the OS's.
func (h *Heap) Close() error {
	if !h.closed.CompareAndSwap(false, true) {
		return ErrClosed
	}
	var found error
	if invariant.Enabled {
		found = errors.Join(h.Verify(), h.leaks())
	}
	return errors.Join(found, h.unmap())
}

func (h *Heap) unmap() error {
	return errors.Join(h.data.close(), h.tagArea.close(), h.spanArea.close(),
		h.freeArea.close(), h.dirtyArea.close(), h.fixedArea.close())
}

func (h *Heap) leaks() error {
	var found error
	for p := range Purpose(Purposes) {
		if t := h.UsedFor(p); t.Blocks != 0 {
			found = errors.Join(found, fmt.Errorf("mem: %d blocks of %s, %d bytes, were not freed", t.Blocks, p, t.Bytes))
		}
	}
	return found
}

// Alloc takes a block of at least size bytes, whose contents are undefined. It returns 0 when the OS,
// the limit or the reservation refuses; then nothing has changed.
func (h *Heap) Alloc(size int, p Purpose) Ref {
	if invariant.Enabled {
		h.checkOwned()
	}
	if uint(size) > maxSmall {
		return h.allocRun(size, p)
	}
	c := classOf[(size+7)>>unitShift] & (classes - 1)
	k := &classTable[c]
	for {
		s := h.current[c]
		r := s.free
		if r != 0 {
			if invariant.Enabled {
				h.checkFreed(r, k)
			}
			s.free = *h.link(r)
		} else if r = s.bump; r < s.limit {
			s.bump = r + k.stride
		} else {
			if !h.refill(c) {
				return 0
			}
			continue
		}
		s.used++
		h.count(p, uint64(k.size))
		if invariant.Enabled {
			h.born(r, int(k.size), p)
		}
		return r
	}
}

// Free gives back a block that was allocated for p.
func (h *Heap) Free(r Ref, p Purpose) {
	if invariant.Enabled {
		h.checkOwned()
		if h.die(r, p) {
			return // it waits in quarantine
		}
		h.giveBack(r)
		return
	}
	h.discount(p, h.giveBack(r))
}

// giveBack makes a block free, and returns its size.
func (h *Heap) giveBack(r Ref) uint64 {
	tag := h.tags[r>>unitsLog]
	c := tag & (1<<tagShift - 1)
	if c-1 >= classes {
		return h.freeRun(r, tag)
	}
	id := tag >> tagShift
	s := &h.spans[id]
	*h.link(r) = s.free
	s.free = r
	s.used--
	if s.used < s.low {
		h.thin(id)
	}
	return uint64(classTable[c-1].size)
}

// link is the word of a free block that names the next one.
func (h *Heap) link(r Ref) *Ref {
	return (*Ref)(unsafe.Add(h.base, uintptr(r)<<unitShift))
}

// Size returns the usable bytes of a block.
func (h *Heap) Size(r Ref) int {
	if invariant.Enabled {
		h.checkLive(r)
	}
	return h.blockSize(r)
}

func (h *Heap) blockSize(r Ref) int {
	tag := h.tags[r>>unitsLog]
	if c := tag&(1<<tagShift-1) - 1; c < classes {
		return int(classTable[c].size)
	}
	return int(tag>>tagShift-guardPages) << pageShift
}

// Bytes returns a view of the first n bytes of a block, valid until the block is freed or resized and
// while the owner's lock is held.
func (h *Heap) Bytes(r Ref, n int) []byte {
	if invariant.Enabled {
		invariant.Check(n >= 0 && n <= h.Size(r), "view inside its block")
	}
	return unsafe.Slice((*byte)(unsafe.Add(h.base, uintptr(r)<<unitShift)), n)
}

// Pointer returns the address of a block, valid as a view is.
func (h *Heap) Pointer(r Ref) unsafe.Pointer {
	if invariant.Enabled {
		h.checkLive(r)
	}
	return unsafe.Add(h.base, uintptr(r)<<unitShift)
}

// Capacity returns the most bytes that the heap can ever hold. It takes no lock.
func (h *Heap) Capacity() uint64 { return uint64(h.limit) << pageShift }

// Base returns the address that refs count from. It never changes, so any thread may call this.
func (h *Heap) Base() unsafe.Pointer { return h.base }

// takePages finds n free pages, opening more when needed, and returns noPage when that is refused.
func (h *Heap) takePages(n uint32) uint32 {
	page := h.pages.find(n)
	if page == noPage {
		if !h.open(n - h.freeAtEnd()) {
			return noPage
		}
		page = h.pages.find(n)
	}
	h.pages.take(page, n)
	return page
}

// freeAtEnd is the number of free pages just below the open part's end.
func (h *Heap) freeAtEnd() (n uint32) {
	for n < h.opened && h.pages.isFree(h.opened-1-n) {
		n++
	}
	return n
}

// open opens at least n more pages.
func (h *Heap) open(n uint32) bool {
	if h.opened == 0 {
		n++ // a ref of 0 is none, so page 0 is nobody's
	}
	if n > h.limit-h.opened {
		return false
	}
	end := min(uint64(h.opened)+max(uint64(n), min(uint64(h.opened)/8, openStepMax)), uint64(h.limit))
	end = min(roundUp(end, h.openStep), uint64(h.limit))
	if h.opens++; h.failAfter != 0 && h.opens > h.failAfter {
		return false
	}
	if h.openRecords(end) != nil || h.data.openTo(end<<pageShift, uint64(h.osPageSize)) != nil {
		return false
	}
	first := max(h.opened, 1)
	h.pages.give(first, uint32(end)-first)
	h.opened = uint32(end)
	return true
}

func (h *Heap) checkOwned() {
	if invariant.Enabled {
		invariant.Check(h.owned == nil || h.owned(), "the owner's lock is held")
		invariant.Check(!h.closed.Load(), "heap is open")
	}
}

// roundUp returns n or the next multiple of step, a power of two.
func roundUp(n, step uint64) uint64 { return (n + step - 1) &^ (step - 1) }
