// The worked example of docs/formats/rdb.md is a file, and holds what the page says.

package rdb

import (
	"encoding/hex"
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestExampleInDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/formats/rdb.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, found := strings.Cut(string(page), "## Example")
	if !found {
		t.Fatal("the page has no example")
	}
	var file []byte
	for _, line := range regexp.MustCompile(`(?m)^(?:[0-9A-F]{2} )*[0-9A-F]{2}(?: |$)`).FindAllString(example, -1) {
		b, err := hex.DecodeString(strings.ReplaceAll(line, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		file = append(file, b...)
	}
	got, result, err := scanDecoded(file, Options{})
	if err != nil || !result.Checked || result.Bytes != int64(len(file)) {
		t.Fatalf("%+v, %v; the checksum of what comes before it is % X", result, err, sealed(file[:len(file)-checksumBytes])[len(file)-checksumBytes:])
	}
	checkEntries(t, "the example", got, []entry{
		{2, "k", "1234", 4102444800123, None, None},
		{2, "7", strings.Repeat("ab", 15), None, None, None},
	})
}
