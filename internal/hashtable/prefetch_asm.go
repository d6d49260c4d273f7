// Prefetch instructions, for the architectures that we have them for: prefetch_GOARCH.s.

//go:build amd64 || arm64

package hashtable

import (
	"unsafe"

	"tarn/internal/mem"
)

// Prefetch asks for the cache line at p, which may be any address.
//
//go:noescape
func Prefetch(p unsafe.Pointer)

// prefetchRef asks for the first cache line of block r, which may be anything. The address is made here
// since no Go pointer may hold it: the garbage collector takes offence at those into its own free
// memory.
//
//go:noescape
func prefetchRef(base unsafe.Pointer, r mem.Ref)

// prefetchEntry asks for the first two cache lines of block r, which may be anything.
//
//go:noescape
func prefetchEntry(base unsafe.Pointer, r mem.Ref)
