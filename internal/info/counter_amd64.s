//go:build !race

// Additions for counters with one writer: an aligned 64-bit store is seen whole, so no lock is taken.

#include "textflag.h"

// func addOwned(n *int64, delta int64)
TEXT ·addOwned(SB), NOSPLIT, $0-16
	MOVQ n+0(FP), AX
	MOVQ delta+8(FP), BX
	ADDQ BX, (AX)
	RET

// func addOwned2(n *[2]int64, delta int64)
TEXT ·addOwned2(SB), NOSPLIT, $0-16
	MOVQ n+0(FP), AX
	MOVQ delta+8(FP), BX
	INCQ (AX)
	ADDQ BX, 8(AX)
	RET
