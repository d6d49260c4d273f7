// Shows that a listpack edited at random holds what a slice of strings holds, walked from either end,
// found and sought; that Validate accepts it, and that nothing allocates.

package listpack

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tarn/test/chance"
)

// edges are elements at the edges of encodings.
var edges = func() (texts []string) {
	for _, n := range []int64{0, 1, 127, 128, 4095, 4096, math.MaxInt16, math.MaxInt16 + 1, 1<<23 - 1, 1 << 23,
		math.MaxInt32, math.MaxInt32 + 1, math.MaxInt64, math.MinInt64, math.MinInt64 + 1} {
		texts = append(texts, strconv.FormatInt(n, 10), strconv.FormatInt(-n, 10), strconv.FormatInt(-n-1, 10))
	}
	for _, size := range []int{1, 63, 64, 125, 126, 127, 4095, 4096, 1<<14 - 8, 1<<14 - 7, 1<<14 - 6, 1 << 14} {
		texts = append(texts, strings.Repeat("x", size))
	}
	return append(texts, "", "-", "-0", "00", "01", "+1", "1 ", " 1", "1x", "9223372036854775808",
		"-9223372036854775809", "18446744073709551616", "99999999999999999999", "100000000000000000000", "1e3", "a1", "\xff")
}()

// element draws an element, often one that was drawn before.
func element(r *rand.Rand) string {
	switch r.IntN(5) {
	case 0:
		return edges[r.IntN(len(edges))]
	case 1:
		return strconv.FormatInt(int64(r.Uint64())>>r.IntN(64), 10)
	case 2:
		return strings.Repeat(string(rune('a'+r.IntN(3))), r.IntN(300))
	}
	return string(rune('a' + r.IntN(20)))
}

func TestInteger(t *testing.T) {
	for _, text := range edges {
		n, err := strconv.ParseInt(text, 10, 64)
		want := err == nil && strconv.FormatInt(n, 10) == text
		got, ok := Integer([]byte(text))
		if ok != want || ok && got != n {
			t.Errorf("Integer(%.50q) = %d, %t; want %d, %t", text, got, ok, n, want)
		}
	}
}

func TestElements(t *testing.T) {
	for _, text := range edges {
		elem := []byte(text)
		lp := Append(AppendNew(nil), elem)
		v := Get(lp, First(lp))
		if got := string(v.AppendTo(nil)); got != text || !v.Is(elem) || v.Len() != len(text) || v.Is(append(elem, '0')) {
			t.Errorf("%.50q: got %.50q of %d bytes, is itself %t", text, got, v.Len(), v.Is(elem))
		}
		if n, ok := Integer(elem); ok {
			if other := AppendInt(AppendNew(nil), n); !bytes.Equal(lp, other) || SizeInt(n) != Size(elem) {
				t.Errorf("%s: as text % x, as integer % x", text, lp, other)
			}
		}
		if Size(elem) != EntrySize(lp, First(lp)) || headBytes+Size(elem)+1 != len(lp) || Last(lp) != First(lp) {
			t.Errorf("%.50q: Size %d, EntrySize %d, whole %d, last at %d", text, Size(elem), EntrySize(lp, First(lp)), len(lp), Last(lp))
		}
		if err := Validate(lp); err != nil {
			t.Errorf("%.50q: %v", text, err)
		}
	}
}

// insert and replace edit as a caller with storage of its own does.
func insert(lp []byte, at int, elem string) []byte {
	lp = slices.Insert(lp, at, make([]byte, Size([]byte(elem)))...)
	Put(lp, at, []byte(elem), 1)
	return lp
}

func replace(lp []byte, at int, elem string) []byte {
	lp = slices.Replace(lp, at, at+EntrySize(lp, at), make([]byte, Size([]byte(elem)))...)
	Put(lp, at, []byte(elem), 0)
	return lp
}

func remove(lp []byte, at int) []byte {
	lp = slices.Delete(lp, at, at+EntrySize(lp, at))
	Fix(lp, -1)
	return lp
}

func TestAgainstModel(t *testing.T) {
	seed := chance.Seed(t)
	for round := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, round))
		lp, model := AppendNew(nil), []string{}
		for step := range 120 {
			elem := element(r)
			what := ""
			if i := r.IntN(len(model) + 1); i == len(model) {
				what = "append " + elem
				lp, model = Append(lp, []byte(elem)), append(model, elem)
			} else if at := Seek(lp, i); r.IntN(3) > 0 {
				what = fmt.Sprintf("insert at %d: %s", i, elem)
				lp, model = insert(lp, at, elem), slices.Insert(model, i, elem)
			} else if r.IntN(2) == 0 {
				what = fmt.Sprintf("replace %d: %s", i, elem)
				lp, model[i] = replace(lp, at, elem), elem
			} else {
				what = fmt.Sprintf("remove %d", i)
				lp, model = remove(lp, at), slices.Delete(model, i, i+1)
			}
			if wrong := compare(lp, model, r); wrong != "" {
				t.Fatalf("seed %d, round %d, step %d, %.80s: %s", seed, round, step, what, wrong)
			}
		}
	}
}

// compare returns what differs between a listpack and a model, "" when nothing does.
func compare(lp []byte, model []string, r *rand.Rand) string {
	if err := Validate(lp); err != nil {
		return err.Error()
	}
	if Total(lp) != len(lp) || Count(lp) != len(model) || End(lp) != len(lp)-1 {
		return fmt.Sprintf("total %d, count %d; want %d, %d", Total(lp), Count(lp), len(lp), len(model))
	}
	var forth, back []string
	for at := First(lp); at >= 0; {
		v, next := Read(lp, at)
		if next != Next(lp, at) {
			return fmt.Sprintf("Read and Next differ at %d", at)
		}
		forth, at = append(forth, string(v.AppendTo(nil))), next
	}
	for at := Last(lp); at >= 0; at = Prev(lp, at) {
		back = append(back, string(Get(lp, at).AppendTo(nil)))
	}
	slices.Reverse(back)
	if !slices.Equal(forth, model) || !slices.Equal(back, model) {
		return fmt.Sprintf("forth %.200q, back %.200q, want %.200q", forth, back, model)
	}
	if len(model) == 0 {
		return ""
	}
	i, elem := r.IntN(len(model)), element(r)
	if at := Seek(lp, i); at != Seek(lp, i-len(model)) || !Get(lp, at).Is([]byte(model[i])) {
		return fmt.Sprintf("Seek(%d) = %d, Seek(%d) = %d", i, at, i-len(model), Seek(lp, i-len(model)))
	}
	if Seek(lp, len(model)) != -1 || Seek(lp, -len(model)-1) != -1 {
		return "Seek found what is not there"
	}
	skip, want := r.IntN(3), -1
	for j := i; j < len(model); j += skip + 1 {
		if model[j] == elem {
			want = Seek(lp, j)
			break
		}
	}
	if got := Find(lp, Seek(lp, i), []byte(elem), skip); got != want {
		return fmt.Sprintf("Find(%.50q) from %d, skipping %d: %d, want %d", elem, i, skip, got, want)
	}
	return ""
}

func TestManyElements(t *testing.T) {
	lp := AppendNew(nil)
	for n := range manyCount + 10 {
		lp = AppendInt(lp, int64(n&63))
	}
	if got := Count(lp); got != manyCount+10 || headCount(lp) != manyCount {
		t.Fatalf("Count = %d, header %d", got, headCount(lp))
	}
	if at := Seek(lp, manyCount+9); at != Last(lp) || Seek(lp, manyCount+10) != -1 || Seek(lp, -manyCount-10) != First(lp) || Seek(lp, -manyCount-11) != -1 {
		t.Errorf("Seek to the ends: %d, %d, %d, %d", at, Seek(lp, manyCount+10), Seek(lp, -manyCount-10), Seek(lp, -manyCount-11))
	}
	lp = remove(lp, First(lp))
	if got := Count(lp); got != manyCount+9 {
		t.Errorf("Count after removal = %d", got)
	}
}

func TestNoAllocations(t *testing.T) {
	lp := AppendNew(make([]byte, 0, 4096))
	for _, text := range []string{"field", "12345", "-7", "another", strings.Repeat("v", 100)} {
		lp = Append(lp, []byte(text))
	}
	missing, text := []byte("missing"), make([]byte, 0, 100)
	if n := testing.AllocsPerRun(100, func() {
		if Find(lp, First(lp), missing, 0) >= 0 {
			t.Fatal("found what is missing")
		}
		for at := First(lp); at >= 0; {
			v, next := Read(lp, at)
			text = v.AppendTo(text[:0])
			Put(lp, at, text, 0)
			at = next
		}
		lp = Append(lp[:len(lp):cap(lp)], missing)
		at := Last(lp)
		lp = append(lp[:at], end)
		Fix(lp, -1)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzValidate: what Validate accepts can be walked both ways, searched and edited.
func FuzzValidate(f *testing.F) {
	f.Add(AppendNew(nil), "x")
	for _, text := range edges {
		f.Add(Append(Append(AppendNew(nil), []byte(text)), []byte("tail")), text)
	}
	f.Fuzz(func(t *testing.T, lp []byte, elem string) {
		if Validate(lp) != nil {
			return
		}
		var forth, back []int
		for at := First(lp); at >= 0; at = Next(lp, at) {
			forth = append(forth, at)
			if !Get(lp, at).Is(Get(lp, at).AppendTo(nil)) {
				t.Fatalf("% x: the element at %d is not itself", lp, at)
			}
		}
		for at := Last(lp); at >= 0; at = Prev(lp, at) {
			back = append(back, at)
		}
		slices.Reverse(back)
		if !slices.Equal(forth, back) {
			t.Fatalf("% x: forth %d, back %d", lp, forth, back)
		}
		Find(lp, First(lp), []byte(elem), 1)
		lp = slices.Clone(lp)
		if len(forth) > 0 {
			lp = replace(lp, forth[len(forth)/2], elem)
			lp = remove(lp, First(lp))
		}
		lp = Append(lp, []byte(elem))
		if err := Validate(lp); err != nil {
			t.Fatalf("% x, after edits with %q: %v", lp, elem, err)
		}
	})
}
