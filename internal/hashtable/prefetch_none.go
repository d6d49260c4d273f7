// No prefetch instructions: the callers' work is wasted, and little.

//go:build !amd64 && !arm64

package hashtable

import (
	"unsafe"

	"tarn/internal/mem"
)

// Prefetch does nothing on this architecture.
func Prefetch(unsafe.Pointer) {}

func prefetchRef(unsafe.Pointer, mem.Ref) {}

func prefetchEntry(unsafe.Pointer, mem.Ref) {}
