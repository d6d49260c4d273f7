// The two instructions of amd64 that Go has no name for.
//
// RDTSC is not ordered against its neighbours: an error of some nanoseconds, which a fence would
// cost at every reading.

#include "textflag.h"

// func cpuid(leaf uint32) (eax, edx uint32)
TEXT ·cpuid(SB), NOSPLIT, $0-16
	MOVL leaf+0(FP), AX
	XORL CX, CX
	CPUID
	MOVL AX, eax+8(FP)
	MOVL DX, edx+12(FP)
	RET

// func Ticks() int64
TEXT ·Ticks(SB), NOSPLIT, $0-8
	CMPB ·tscInvariant(SB), $0
	JEQ  slow
	RDTSC
	SHLQ $32, DX
	ORQ  DX, AX
	MOVQ AX, ret+0(FP)
	RET

slow:
	JMP ·monotonicTicks(SB)
