// Shows that no sequence of calls breaks a heap: each pair of bytes is a call, checked by the model.

package mem

import "testing"

func FuzzHeap(f *testing.F) {
	f.Add([]byte{0, 10, 0, 20, 80, 0, 160, 3})
	f.Add([]byte{12, 200, 12, 201, 140, 1, 77, 0, 250, 0, 251, 9})
	f.Fuzz(func(t *testing.T, calls []byte) {
		m := &model{h: testHeap(t, Options{Reserve: minReserve, Limit: 4 << 20})}
		for i := 0; i+1 < len(calls) && i < 4000; i += 2 {
			if err := m.call(calls[i], int(calls[i+1])); err != nil {
				t.Fatalf("call %d of %v: %v", i/2, calls, err)
			}
		}
		if err := m.verify(); err != nil {
			t.Fatalf("after %v: %v", calls, err)
		}
		_ = m.h.unmap()
	})
}

// call does what two bytes say: the first is what and roughly how large, the second which and exactly.
func (m *model) call(what byte, which int) error {
	size := (which + 1) << (what & 15)
	size = min(size, 1<<20)
	switch {
	case what >= 240:
		_, err := m.defrag()
		return err
	case what >= 224:
		m.h.Release(size)
		return nil
	case what < 112 || len(m.blocks) == 0:
		return m.alloc(size, Purpose(which%Purposes))
	case what < 176:
		return m.free(which % len(m.blocks))
	}
	return m.resize(which%len(m.blocks), size)
}
