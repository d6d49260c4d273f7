// Streams: adding, deleting, trimming and listing entries.
//
// The ID of a new entry is given, or half given, or the server's: the time, unless the last entry is
// of that time or later; then the ID behind it.

package command

import (
	"bytes"
	"math"
	"strconv"

	"tarn/internal/keyspace"
	"tarn/internal/resp"
	"tarn/internal/value"
)

const (
	errStreamID        resp.Error = "ERR Invalid stream ID specified as stream command argument"
	errStreamStart     resp.Error = "ERR invalid start ID for the interval"
	errStreamEnd       resp.Error = "ERR invalid end ID for the interval"
	errStreamTwoTrims  resp.Error = "ERR syntax error, MAXLEN and MINID options at the same time are not compatible"
	errStreamMaxLen    resp.Error = "ERR The MAXLEN argument must be >= 0."
	errStreamLimit     resp.Error = "ERR The LIMIT argument must be >= 0."
	errStreamNoTrim    resp.Error = "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy"
	errStreamExact     resp.Error = "ERR syntax error, LIMIT cannot be used without the special ~ option"
	errStreamZero      resp.Error = "ERR The ID specified in XADD must be greater than 0-0"
	errStreamOld       resp.Error = "ERR The ID specified in XADD is equal or smaller than the target stream top item"
	errStreamExhausted resp.Error = "ERR The stream has exhausted the last possible ID, unable to add more items"
	errStreamLarge     resp.Error = "ERR Elements are too large to be stored"

	errStreamAdded        resp.Error = "ERR entries_added must be positive"
	errStreamDeletedAfter resp.Error = "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id"
	errStreamDeletedNow   resp.Error = "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id"
	errStreamTop          resp.Error = "ERR The ID specified in XSETID is smaller than the target stream top item"
	errStreamAddedLength  resp.Error = "ERR The entries_added specified in XSETID is smaller than the target stream length"
)

// parseStreamID reads an ID: ms, or ms-seq, or ms-* when auto is not nil, which it then tells. seq is
// the sequence number where none is given. Errors: errStreamID.
func parseStreamID(arg []byte, seq uint64, auto *bool) (id value.StreamID, err error) {
	if len(arg) >= 128 {
		return id, errStreamID
	}
	if end := bytes.IndexByte(arg, 0); end >= 0 {
		arg = arg[:end] // Redis reads C strings
	}
	ms, tail, hasSeq := bytes.Cut(arg, []byte{'-'})
	var ok bool
	if id.Ms, ok = parseStreamNumber(ms); !ok {
		return id, errStreamID
	}
	switch {
	case !hasSeq:
		id.Seq = seq
	case auto != nil && len(tail) == 1 && tail[0] == '*':
		*auto = true
	default:
		if id.Seq, ok = parseStreamNumber(tail); !ok {
			return id, errStreamID
		}
	}
	return id, nil
}

// parseStreamNumber reads half of an ID as Redis does: what is no plain integer goes to C's strtoull,
// which takes blanks before it, a sign and leading zeros.
func parseStreamNumber(arg []byte) (uint64, bool) {
	if n, ok := resp.ParseInt(arg); ok {
		return uint64(n), n >= 0
	}
	for len(arg) > 0 && (arg[0] == ' ' || arg[0]-'\t' < 5) {
		arg = arg[1:]
	}
	negative := false
	if len(arg) > 0 && (arg[0] == '-' || arg[0] == '+') {
		negative = arg[0] == '-'
		arg = arg[1:]
	}
	if len(arg) == 0 || arg[0]-'0' > 9 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(arg), 10, 64)
	if negative {
		n = -n
	}
	return n, err == nil
}

// parseStreamBound is parseStreamID for the end of a range, where "-" and "+" are the least and the
// greatest ID.
func parseStreamBound(arg []byte, seq uint64) (value.StreamID, error) {
	if len(arg) > 0 && (len(arg) == 1 || arg[1] == 0) {
		switch arg[0] {
		case '-':
			return value.StreamID{}, nil
		case '+':
			return value.MaxStreamID, nil
		}
	}
	return parseStreamID(arg, seq, nil)
}

// parseStreamRange reads the ends of a range, either of which may be excluded by a parenthesis.
func parseStreamRange(start, end []byte) (from, to value.StreamID, err error) {
	if from, err = parseStreamStart(start); err != nil {
		return from, to, err
	}
	if len(end) <= 1 || end[0] != '(' {
		to, err = parseStreamBound(end, math.MaxUint64)
		return from, to, err
	}
	if to, err = parseStreamID(end[1:], math.MaxUint64, nil); err != nil {
		return from, to, err
	}
	to, ok := to.Prev()
	if !ok {
		return from, to, errStreamEnd
	}
	return from, to, nil
}

// parseStreamStart reads the start of a range.
func parseStreamStart(arg []byte) (from value.StreamID, err error) {
	if len(arg) <= 1 || arg[0] != '(' {
		return parseStreamBound(arg, 0)
	}
	if from, err = parseStreamID(arg[1:], 0, nil); err != nil {
		return from, err
	}
	from, ok := from.Next()
	if !ok {
		return from, errStreamStart
	}
	return from, nil
}

// streamAt returns the stream that a key holds, nil when there is no key.
func streamAt(k *keyspace.Key) (*value.Stream, error) {
	if err := k.CheckType(keyspace.Stream); err != nil || !k.Exists() {
		return nil, err
	}
	return k.Big().(*value.Stream), nil
}

// newStream makes the absent key hold an empty stream.
func newStream(k *keyspace.Key) (*value.Stream, error) {
	s := value.NewStream(k.Heap())
	if err := k.SetBig(keyspace.Stream, s); err != nil {
		return nil, err
	}
	return s, nil
}

func (c *Call) replyStreamID(id value.StreamID) {
	var text [41]byte
	c.Reply.Bulk(id.AppendTo(text[:0]))
}

// replyEntry replies with an entry: its ID and its fields and values.
func (c *Call) replyEntry(e *value.StreamEntry) {
	c.Reply.Array(2)
	c.replyStreamID(e.ID)
	c.Reply.Array(2 * e.Fields)
	for e.Fields > 0 {
		field, val := e.Next()
		c.replyMember(field)
		c.replyMember(val)
	}
}

// replyEntries replies with up to count entries of a range, 0: all, and returns how many they are.
func (c *Call) replyEntries(s *value.Stream, from, to value.StreamID, count int64, backwards bool) {
	mark, n := c.Reply.Deferred(), 0
	s.Range(from, to, backwards, func(e *value.StreamEntry) bool {
		c.replyEntry(e)
		n++
		return count == 0 || int64(n) < count
	})
	c.Reply.SetArrayLen(mark, n)
}

// streamAdd is what XADD and XTRIM read from their arguments.
type streamAdd struct {
	trims      bool
	trim       value.StreamTrim
	limited    bool // LIMIT is given
	threshold  int  // index of the trimming's argument
	noMake     bool // NOMKSTREAM
	hasID      bool
	autoSeq    bool // the ID is ms-*
	id         value.StreamID
	firstField int // index of the first field
}

// parse reads the arguments of XADD (adds) or XTRIM from the second on.
func (o *streamAdd) parse(c *Call, adds bool) error {
	args := c.Args
	i := 2
options:
	for ; i < len(args); i++ {
		more := i+1 < len(args)
		switch {
		case adds && len(args[i]) == 1 && args[i][0] == '*':
			break options
		case more && (isToken(args[i], "MAXLEN") || isToken(args[i], "MINID")):
			used, err := o.parseTrim(args[i:])
			if err != nil {
				return err
			}
			i += used
			o.threshold = i
		case more && isToken(args[i], "LIMIT"):
			i++
			n, err := parseInt(args[i])
			if err != nil {
				return err
			}
			if n < 0 {
				return errStreamLimit
			}
			o.trim.Limit, o.limited = n, true
		case adds && isToken(args[i], "NOMKSTREAM"):
			o.noMake = true
		case adds:
			id, err := parseStreamID(args[i], 0, &o.autoSeq)
			if err != nil {
				return err
			}
			o.id, o.hasID = id, true
			break options
		default:
			return ErrSyntax
		}
	}
	o.firstField = i + 1
	return o.setLimit(c)
}

// parseTrim reads MAXLEN or MINID with its threshold, and returns how many arguments follow the
// word.
func (o *streamAdd) parseTrim(args [][]byte) (used int, err error) {
	if o.trims {
		return 0, errStreamTwoTrims
	}
	o.trims = true
	o.trim.Approximate = false
	i := 1
	if len(args) > 2 && len(args[1]) == 1 && (args[1][0] == '~' || args[1][0] == '=') {
		o.trim.Approximate = args[1][0] == '~'
		i++
	}
	if isToken(args[0], "MINID") {
		o.trim.ByID = true
		o.trim.ID, err = parseStreamID(args[i], 0, nil)
		return i, err
	}
	n, err := parseInt(args[i])
	if err == nil && n < 0 {
		err = errStreamMaxLen
	}
	o.trim.Length = uint64(n)
	return i, err
}

// Bounds of how many entries an approximate trimming removes at a time where LIMIT is not given: the
// first, in units of the entries that a node may have.
const (
	streamTrimNodes   = 100
	streamTrimUnknown = 10_000
	streamTrimMost    = 1_000_000
)

// setLimit judges LIMIT, or sets it where it is not given. A log's is of no account: what it says is to
// be trimmed was trimmed.
func (o *streamAdd) setLimit(c *Call) error {
	switch {
	case o.trims && c.Replays():
		o.trim.Limit = 0
		return nil
	case o.trim.Limit != 0 && !o.trims:
		return errStreamNoTrim
	case !o.trims && c.Spec.Name == "xtrim":
		return ErrSyntax
	case o.limited && !o.trim.Approximate:
		return errStreamExact
	case o.limited || !o.trim.Approximate:
		return nil
	}
	entries := c.Env.Keyspace.Limits().StreamNodeEntries
	o.trim.Limit = min(streamTrimMost, streamTrimNodes*min(entries, streamTrimMost))
	if entries <= 0 {
		o.trim.Limit = streamTrimUnknown
	}
	return nil
}

// nextID returns the ID of the entry to be added behind last.
func (o *streamAdd) nextID(last value.StreamID, now int64) (id value.StreamID, err error) {
	switch {
	case o.hasID && !o.autoSeq:
		id = o.id
	case o.hasID && o.id.Ms == last.Ms:
		if last.Seq == math.MaxUint64 {
			return id, errStreamOld
		}
		id = value.StreamID{Ms: last.Ms, Seq: last.Seq + 1}
	case o.hasID:
		id = o.id
	case uint64(now) > last.Ms:
		id = value.StreamID{Ms: uint64(now)}
	default:
		id, _ = last.Next()
	}
	if !last.Less(id) {
		return id, errStreamOld
	}
	return id, nil
}

func xadd(c *Call) error {
	var o streamAdd
	if err := o.parse(c, true); err != nil {
		return err
	}
	if fields := len(c.Args) - o.firstField; fields < 2 || fields%2 != 0 {
		return c.errArity()
	}
	if o.hasID && !o.autoSeq && o.id.IsZero() {
		return errStreamZero
	}
	k := c.Write(1)
	s, err := streamAt(&k)
	if err != nil {
		return err
	}
	var last value.StreamID
	if s != nil {
		last = s.LastID()
	} else if o.noMake {
		c.Reply.Null()
		return nil
	}
	if last == value.MaxStreamID {
		return errStreamExhausted
	}
	id, err := o.nextID(last, c.Now())
	if err != nil {
		return err
	}
	args := c.Args[o.firstField:]
	if value.StreamEntryTooLarge(args) {
		return errStreamLarge
	}
	return c.xadd(&k, &o, id, args)
}

// xadd adds the entry that XADD has checked.
func (c *Call) xadd(k *keyspace.Key, o *streamAdd, id value.StreamID, args [][]byte) error {
	made := !k.Exists()
	var s *value.Stream
	if made {
		var err error
		if s, err = newStream(k); err != nil {
			return err
		}
	} else {
		s = k.EditBig().(*value.Stream)
	}
	limits := k.Limits()
	if !s.Append(id, args, value.StreamLimits{NodeBytes: limits.StreamNodeBytes, NodeEntries: limits.StreamNodeEntries}) {
		if made {
			k.Delete()
		}
		return keyspace.ErrOutOfMemory
	}
	k.Changed("xadd")
	if o.trims && s.Trim(&o.trim) > 0 {
		k.ChangedBy("xtrim", 0) // one change, two events
	}
	if !o.hasID || o.autoSeq || o.trims && o.trim.Approximate {
		c.logStream(s, o, &id)
	}
	c.replyStreamID(id)
	return nil
}

func xdel(c *Call) error {
	k := c.Write(1)
	s, err := streamAt(&k)
	if err != nil {
		return err
	}
	if s == nil {
		c.Reply.Int(0)
		return nil
	}
	for _, arg := range c.Args[2:] {
		if _, err := parseStreamID(arg, 0, nil); err != nil {
			return err
		}
	}
	s = k.EditBig().(*value.Stream)
	deleted := int64(0)
	for i, arg := range c.Args[2:] {
		id, _ := parseStreamID(arg, 0, nil)
		found, ok := s.Delete(id)
		if !ok {
			if deleted == 0 {
				return keyspace.ErrOutOfMemory
			}
			if c.Logs() {
				c.logArgs(c.Args[:2+i])
			}
			break
		}
		if found {
			deleted++
		}
	}
	if deleted > 0 {
		k.ChangedAside("xdel", deleted)
	}
	c.Reply.Int(deleted)
	return nil
}

func xlen(c *Call) error {
	k := c.Read(1)
	s, err := streamAt(&k)
	if err != nil {
		return err
	}
	if s == nil {
		c.Reply.Int(0)
		return nil
	}
	c.Reply.Int(int64(s.Len()))
	return nil
}

func xrange(c *Call) error { return c.xrange(c.Args[2], c.Args[3], false) }

func xrevrange(c *Call) error { return c.xrange(c.Args[3], c.Args[2], true) }

func (c *Call) xrange(start, end []byte, backwards bool) error {
	from, to, err := parseStreamRange(start, end)
	if err != nil {
		return err
	}
	count := int64(-1)
	for i := 4; i < len(c.Args); i += 2 {
		if i+1 == len(c.Args) || !isToken(c.Args[i], "COUNT") {
			return ErrSyntax
		}
		if count, err = parseInt(c.Args[i+1]); err != nil {
			return err
		}
		count = max(count, 0)
	}
	k := c.Read(1)
	s, err := streamAt(&k)
	switch {
	case err != nil:
		return err
	case s == nil:
		c.Reply.Array(0)
	case count == 0:
		c.Reply.NullArray()
	default:
		c.replyEntries(s, from, to, max(count, 0), backwards)
	}
	return nil
}

func xsetid(c *Call) error {
	last, err := parseStreamID(c.Args[2], 0, nil)
	if err != nil {
		return err
	}
	var added *uint64
	var deleted *value.StreamID
	for i := 3; i < len(c.Args); i += 2 {
		switch more := i+1 < len(c.Args); {
		case more && isToken(c.Args[i], "ENTRIESADDED"):
			n, err := parseInt(c.Args[i+1])
			if err != nil {
				return err
			}
			if n < 0 {
				return errStreamAdded
			}
			number := uint64(n)
			added = &number
		case more && isToken(c.Args[i], "MAXDELETEDID"):
			id, err := parseStreamID(c.Args[i+1], 0, nil)
			if err != nil {
				return err
			}
			if last.Less(id) {
				return errStreamDeletedAfter
			}
			deleted = nil
			if !id.IsZero() {
				deleted = &id
			}
		default:
			return ErrSyntax
		}
	}
	k := c.Write(1)
	s, err := streamAt(&k)
	switch {
	case err != nil:
		return err
	case s == nil:
		return ErrNoSuchKey
	case last.Less(s.MaxDeletedID()):
		return errStreamDeletedNow
	case s.Len() > 0 && last.Less(s.LastEntryID()):
		return errStreamTop
	case s.Len() > 0 && added != nil && *added < uint64(s.Len()):
		return errStreamAddedLength
	}
	if !k.EditBig().(*value.Stream).SetID(last, added, deleted) {
		return keyspace.ErrOutOfMemory
	}
	k.ChangedAside("xsetid", 1)
	c.Reply.OK()
	return nil
}

func xtrim(c *Call) error {
	var o streamAdd
	if err := o.parse(c, false); err != nil {
		return err
	}
	k := c.Write(1)
	s, err := streamAt(&k)
	if err != nil {
		return err
	}
	removed := int64(0)
	if s != nil {
		if removed = k.EditBig().(*value.Stream).Trim(&o.trim); removed > 0 {
			k.ChangedAside("xtrim", removed)
			if o.trim.Approximate {
				c.logStream(s, &o, nil)
			}
		}
	}
	c.Reply.Int(removed)
	return nil
}
