// Memory: what a key costs.
//
// The figure is exact, so SAMPLES, by which Redis guesses at large values, is only checked.

package command

import (
	"bytes"

	"tarn/internal/keyspace"
	"tarn/internal/resp"
)

// memoryUsage replies with the bytes of the key's blocks, its value's, and its share of the index.
func memoryUsage(c *Call) error {
	for i := 3; i < len(c.Args); i += 2 {
		if !bytes.EqualFold(c.Args[i], []byte("samples")) || i+1 == len(c.Args) {
			return ErrSyntax
		}
		n, ok := resp.ParseInt(c.Args[i+1])
		switch {
		case !ok:
			return keyspace.ErrNotInteger
		case n < 0:
			return ErrSyntax
		}
	}
	k := c.Inspect(2)
	if !k.Exists() {
		c.Reply.Null()
		return nil
	}
	c.Reply.Int(int64(k.Bytes()))
	return nil
}
