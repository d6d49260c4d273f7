#include "textflag.h"

// func Prefetch(p unsafe.Pointer)
TEXT ·Prefetch(SB), NOSPLIT|NOFRAME, $0-8
	MOVQ p+0(FP), AX
	PREFETCHT0 (AX)
	RET

// func prefetchRef(base unsafe.Pointer, r mem.Ref)
TEXT ·prefetchRef(SB), NOSPLIT|NOFRAME, $0-12
	MOVQ base+0(FP), AX
	MOVL r+8(FP), CX
	PREFETCHT0 (AX)(CX*8)
	RET

// func prefetchEntry(base unsafe.Pointer, r mem.Ref)
TEXT ·prefetchEntry(SB), NOSPLIT|NOFRAME, $0-12
	MOVQ base+0(FP), AX
	MOVL r+8(FP), CX
	PREFETCHT0 (AX)(CX*8)
	PREFETCHT0 64(AX)(CX*8)
	RET
