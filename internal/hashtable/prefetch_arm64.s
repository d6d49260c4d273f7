#include "textflag.h"

// func Prefetch(p unsafe.Pointer)
TEXT ·Prefetch(SB), NOSPLIT|NOFRAME, $0-8
	MOVD p+0(FP), R0
	PRFM (R0), PLDL1KEEP
	RET

// func prefetchRef(base unsafe.Pointer, r mem.Ref)
TEXT ·prefetchRef(SB), NOSPLIT|NOFRAME, $0-12
	MOVD  base+0(FP), R0
	MOVWU r+8(FP), R1
	ADD   R1<<3, R0, R0
	PRFM  (R0), PLDL1KEEP
	RET

// func prefetchEntry(base unsafe.Pointer, r mem.Ref)
TEXT ·prefetchEntry(SB), NOSPLIT|NOFRAME, $0-12
	MOVD  base+0(FP), R0
	MOVWU r+8(FP), R1
	ADD   R1<<3, R0, R0
	PRFM  (R0), PLDL1KEEP
	PRFM  64(R0), PLDL1KEEP
	RET
