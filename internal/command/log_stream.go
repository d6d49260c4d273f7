// What is logged of streams: IDs that the server made up, trimming that may stop short, and what a group
// gave out or handed on, entry by entry.

package command

import (
	"tarn/internal/value"
)

// streamIDText is the length of the longest ID in decimal.
const streamIDText = 41

// logStream keeps XADD, or without an ID XTRIM, with the ID of the entry and with a trimming that says
// exactly what is left.
func (c *Call) logStream(s *value.Stream, o *streamAdd, id *value.StreamID) {
	if !c.Logs() {
		return
	}
	var text [streamIDText]byte
	u := c.Log(len(c.Args))
	for i, arg := range c.Args {
		exact := o.trims && o.trim.Approximate
		switch {
		case id != nil && i == o.firstField-1 && (!o.hasID || o.autoSeq):
			u.Bytes(id.AppendTo(text[:0]))
		case exact && i == o.threshold-1:
			u.Str("=")
		case exact && i == o.threshold && o.trim.ByID:
			first := value.MaxStreamID
			if s.Len() > 0 {
				first = s.FirstID()
			}
			u.Bytes(first.AppendTo(text[:0]))
		case exact && i == o.threshold:
			u.Int(int64(s.Len()))
		default:
			u.Bytes(arg)
		}
	}
}

// logConsumer keeps that a group has a new consumer.
func (c *Call) logConsumer(key, group, consumer []byte) {
	if c.Logs() {
		c.Log(5).Str("XGROUP").Str("CREATECONSUMER").Bytes(key).Bytes(group).Bytes(consumer)
	}
}

// logGroup keeps how far a group has read.
func (c *Call) logGroup(key []byte, g *value.StreamGroup) {
	if !c.Logs() {
		return
	}
	var text [streamIDText]byte
	u := c.Log(7).Str("XGROUP").Str("SETID").Bytes(key).Str(g.Name)
	u.Bytes(g.LastID.AppendTo(text[:0])).Str("ENTRIESREAD").Int(g.Read)
}

// logClaim keeps a pending entry as it is now, or that it is pending no more when the stream has not got
// it. id is how its ID is written.
func (c *Call) logClaim(key []byte, g *value.StreamGroup, p value.StreamPending, id []byte) {
	if !c.Logs() {
		return
	}
	var text [streamIDText]byte
	u := c.Log(14).Str("XCLAIM").Bytes(key).Str(g.Name).Str(p.Consumer.Name).Str("0").Bytes(id)
	u.Str("TIME").Int(p.Time).Str("RETRYCOUNT").Uint(p.Count).Str("FORCE").Str("JUSTID")
	u.Str("LASTID").Bytes(g.LastID.AppendTo(text[:0]))
}

// logGiven keeps that a group has given an entry to a consumer.
func (c *Call) logGiven(f *streamFrom, to *value.StreamConsumer, id value.StreamID) {
	var text [streamIDText]byte
	p := value.StreamPending{ID: id, Consumer: to, Time: c.Now(), Count: 1}
	c.logClaim(f.key.Name(), f.group, p, id.AppendTo(text[:0]))
}
