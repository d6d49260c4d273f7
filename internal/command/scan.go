// Walking a database: KEYS at one instant, SCAN in steps, RANDOMKEY at one place. Every shard is
// locked while they run.

package command

import (
	"math"
	"strconv"

	"tarn/internal/glob"
	"tarn/internal/keyspace"
	"tarn/internal/resp"
)

const (
	scanCount = 10 // keys that a step of SCAN tries to see unless told

	scanSparse = 10 // steps for each of them, at most, where most buckets are empty
)

func keys(c *Call) error {
	pattern := c.Args[1]
	all := string(pattern) == "*" // which matches the empty name too
	found := 0
	length := c.Reply.Deferred()
	c.Tx.Each(c.DB(), func(k *keyspace.Key) {
		if all || glob.Match(pattern, k.Name(), false) {
			c.Reply.Bulk(k.Name())
			found++
		}
	})
	c.Reply.SetArrayLen(length, found)
	return nil
}

func randomkey(c *Call) error {
	if name := c.Tx.RandomKey(c.DB()); name != nil {
		c.Reply.Bulk(name)
		return nil
	}
	c.Reply.Null()
	return nil
}

// scanOptions say what SCAN, or one of its kin for elements of a key, looks for.
type scanOptions struct {
	elements bool // not keys: there is no TYPE
	count    int64
	pattern  []byte // nil: any
	typeName []byte // nil: any
}

// scan replies with the next cursor and the keys met on the way there. COUNT is about keys met:
// those that MATCH and TYPE leave out are among them.
func scan(c *Call) error {
	cursor, ok := parseCursor(c.Args[1])
	if !ok {
		return ErrCursor
	}
	o := scanOptions{count: scanCount}
	if err := o.parse(c.Args[2:]); err != nil {
		return err
	}
	var list resp.Writer // aside, since the cursor comes first
	list.Reset(c.Scratch(), c.Reply.Proto())
	met, found := int64(0), 0
	steps := min(o.count, math.MaxInt64/scanSparse-1)*scanSparse + 1
	for more := true; more; more = cursor != 0 && steps > 0 && met < o.count {
		cursor = c.Tx.Scan(c.DB(), cursor, func(k *keyspace.Key) {
			met++
			if c.wanted(&o, k) {
				list.Bulk(k.Name())
				found++
			}
		})
		steps--
	}
	c.Reply.Array(2)
	c.Reply.BulkString(strconv.FormatUint(cursor, 10))
	c.Reply.Array(found)
	c.Reply.Raw(list.Buffer())
	c.KeepScratch(list.Buffer())
	return nil
}

// parse reads the options.
func (o *scanOptions) parse(args [][]byte) error {
	for ; len(args) >= 2; args = args[2:] {
		switch name, value := args[0], args[1]; {
		case isToken(name, "COUNT"):
			count, err := parseInt(value)
			if err != nil {
				return err
			}
			if count < 1 {
				return ErrSyntax
			}
			o.count = count
		case isToken(name, "MATCH"):
			o.pattern = value
			if string(value) == "*" {
				o.pattern = nil // matches the empty name too
			}
		case isToken(name, "TYPE") && !o.elements:
			o.typeName = value
		default:
			return ErrSyntax
		}
	}
	if len(args) > 0 {
		return ErrSyntax
	}
	return nil
}

// wanted tells whether SCAN replies with a key. Asking for its type counts as a hit, in Redis too.
func (c *Call) wanted(o *scanOptions, k *keyspace.Key) bool {
	if o.pattern != nil && !glob.Match(o.pattern, k.Name(), false) {
		return false
	}
	if o.typeName == nil {
		return true
	}
	c.Tx.Hits.Add(1)
	return equalFold(upToNUL(o.typeName), k.Type().String())
}

// parseCursor reads a cursor as the C function strtoul does: a sign, leading zeros and nothing at
// all are good.
func parseCursor(arg []byte) (cursor uint64, ok bool) {
	text := upToNUL(arg)
	if len(text) == 0 {
		return 0, true
	}
	minus := text[0] == '-'
	if minus || text[0] == '+' {
		text = text[1:]
	}
	cursor, err := strconv.ParseUint(string(text), 10, 64)
	if minus {
		cursor = -cursor
	}
	return cursor, err == nil
}
