// Regions: plain anonymous memory for buffers that come and go as a whole, outside of Go's heap.

package mem

import "unsafe"

// Region is a run of zeroed memory. A page of it costs memory from its first touch until Close.
type Region struct{ a area }

// NewRegion takes size bytes of address space.
func NewRegion(size int) (*Region, error) {
	a, err := reserve(uint64(size), false)
	if err != nil {
		return nil, err
	}
	if err := a.openTo(uint64(size), hugePage); err != nil {
		_ = a.close()
		return nil, err
	}
	return &Region{a}, nil
}

// Bytes returns the whole region, valid until Close.
func (r *Region) Bytes() []byte { return r.a.bytes }

// Owns tells whether b lies in the region.
func (r *Region) Owns(b []byte) bool {
	if cap(b) == 0 {
		return false
	}
	at, from := uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(unsafe.Pointer(&r.a.bytes[0]))
	return at >= from && at < from+uintptr(len(r.a.bytes))
}

// Discard gives the pages back to the system; the region stays usable, as zeros.
func (r *Region) Discard() error { return discard(r.a.bytes) }

// Close gives the memory back to the system.
func (r *Region) Close() error { return r.a.close() }
