//go:build !race

// Additions for counters with one writer: an aligned 64-bit store is seen whole, so no lock is taken.

#include "textflag.h"

// func addOwned(n *int64, delta int64)
TEXT ·addOwned(SB), NOSPLIT, $0-16
	MOVD n+0(FP), R0
	MOVD delta+8(FP), R1
	MOVD (R0), R2
	ADD  R1, R2
	MOVD R2, (R0)
	RET

// func addOwned2(n *[2]int64, delta int64)
TEXT ·addOwned2(SB), NOSPLIT, $0-16
	MOVD n+0(FP), R0
	MOVD delta+8(FP), R1
	MOVD (R0), R2
	MOVD 8(R0), R3
	ADD  $1, R2
	ADD  R1, R3
	MOVD R2, (R0)
	MOVD R3, 8(R0)
	RET
