// The self-test behind PFSELFTEST: that registers hold what is put into them, that both encodings say
// the same, and that estimates are as near as they should be.

package hyperloglog

import (
	"encoding/binary"
	"fmt"
	"math"
)

const (
	selfTestElements = 100_000
	selfTestSparse   = 3000 // bytes at which the sparse one goes dense
	deviations       = 6    // standard errors that an estimate may be off
)

// SelfTest tries the room out, in about ten milliseconds. Errors: what is wrong.
func SelfTest() error {
	if err := testRegisters(); err != nil {
		return err
	}
	return testEstimates()
}

// testRegisters raises all registers in turn, to ranks that differ between neighbours.
func testRegisters() error {
	e := Edit(AppendNew(nil), selfTestSparse)
	if err := e.MakeDense(); err != nil {
		return err
	}
	rank := func(i, round int) uint8 { return uint8(1 + i*7%16 + 16*round) }
	for round := range 3 {
		for i := range Registers {
			if _, err := e.Raise(i, rank(i, round)); err != nil {
				return err
			}
		}
		for i := range Registers {
			if got := register(e.b[headBytes:], i); got != rank(i, round) {
				return fmt.Errorf("TESTFAILED Register %d should be %d but is %d", i, rank(i, round), got)
			}
		}
	}
	return nil
}

func testEstimates() error {
	a, b := Edit(AppendNew(nil), selfTestSparse), Edit(AppendNew(nil), 0)
	checkpoint := 1
	var elem [8]byte
	for i := 1; i <= selfTestElements; i++ {
		binary.LittleEndian.PutUint64(elem[:], uint64(i)*0x9E3779B97F4A7C15)
		for _, e := range []*Editor{&a, &b} {
			if _, err := e.Add(elem[:]); err != nil {
				return err
			}
		}
		if i != checkpoint {
			continue
		}
		checkpoint *= 10
		got, err := Estimate(a.b)
		if err != nil {
			return err
		}
		if other, _ := Estimate(b.b); other != got {
			return fmt.Errorf("TESTFAILED dense/sparse disagree: %d and %d of %d", other, got, i)
		}
		standard := 1.04 / math.Sqrt(Registers) * float64(i)
		if most := math.Ceil(deviations * standard); math.Abs(float64(got)-float64(i)) > most {
			return fmt.Errorf("TESTFAILED Too big error. card:%d abserr:%v, allowed %v", i, math.Abs(float64(got)-float64(i)), most)
		}
	}
	return nil
}
